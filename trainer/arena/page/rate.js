// The rater's page: one pair at a time. A vote leaves the page only when the server has said that it is on disk.
import { $, Refusal, call, el, notice, pause, start, tagWord, words, work } from "/page/shell.js";

const TAG_KEYS = "qwertyuiopas";
const phone = matchMedia("(max-width: 760px)");

let told = null; // the server's last reply
let choice = null;
let tags = new Set();
let readable = 0; // when the least reading time ends, by performance.now()
let busy = false;
let together = true;
let seen = new Set();

// Texts.

/** Each line is a paragraph with a direction of its own, isolated from its neighbours: overrides in it end with it. */
function lines(text) {
  if (!text.trim()) return [el("p", { class: "empty" }, words().empty)];
  return text.replace(/\r\n?/g, "\n").split("\n").map((line) => el("p", { dir: "auto" }, line));
}

function drawPrompt(messages) {
  const parts = messages.map((message) =>
    el("div", { class: `message ${message.role}` }, el("h2", {}, words()[message.role] ?? message.role), ...lines(message.content)));
  $("prompt").replaceChildren(...parts);
  $("prompt").scrollTop = 0;
  $("prompt").classList.remove("whole");
  $("unfold").hidden = range($("prompt")) < 4;
}

function draw() {
  const task = told.task;
  if (task === null) {
    const review = el("button", { class: "quiet" }, words().review);
    review.addEventListener("click", () => load(told.done - 1));
    notice(words().done, words().doneMore(told.done), ...(told.done ? [review] : []));
  } else {
    work();
    drawPrompt(task.prompt);
    for (const side of ["left", "right"]) {
      $(side).replaceChildren(...lines(task[side]));
      $(side).scrollTop = 0;
    }
    $("tags").replaceChildren(...told.tags.map((tag, i) => {
      const button = el("button", { class: "tag", "aria-pressed": "false" }, el("kbd", {}, TAG_KEYS[i].toUpperCase()), tagWord(tag));
      button.dataset.tag = tag;
      button.addEventListener("click", () => toggleTag(tag));
      return button;
    }));
    $("status").textContent = task.vote ? words().correcting(task.position + 1) : "";
  }
  update();
}

function take(reply) {
  told = reply;
  const task = told.task;
  choice = task?.vote?.choice ?? null;
  tags = new Set(task?.vote?.tags ?? []);
  readable = performance.now() + 1000 * (task?.wait ?? 0);
  seen = new Set(task?.vote ? ["left", "right"] : []);
  draw();
  if (task) show("left");
}

/** What changes without a new task. */
function update() {
  const task = told?.task;
  $("progress").max = Math.max(1, told?.tasks ?? 1);
  $("progress").value = told?.done ?? 0;
  $("count").textContent = told ? `${Math.min((task?.position ?? told.done) + (task ? 1 : 0), told.tasks)} / ${told.tasks}` : "";
  for (const button of document.querySelectorAll(".choice")) button.setAttribute("aria-checked", String(button.dataset.choice === choice));
  for (const button of document.querySelectorAll(".tag")) button.setAttribute("aria-pressed", String(tags.has(button.dataset.tag)));
  const left = secondsLeft();
  $("save-word").textContent = task?.vote ? words().correct : left ? words().saveWait(left) : words().save;
  $("save").classList.toggle("ready", Boolean(choice) && !left && !busy);
  $("back").disabled = busy || !task || task.position === 0;
}

const secondsLeft = () => Math.max(0, Math.ceil((readable - performance.now()) / 1000));
setInterval(() => told?.task && update(), 250);

// Choosing and saving.

function choose(wanted) {
  choice = wanted;
  $("status").textContent = "";
  update();
}

function toggleTag(tag) {
  if (!tags.delete(tag)) tags.add(tag);
  update();
}

async function save() {
  const task = told?.task;
  if (busy || !task) return;
  const left = secondsLeft();
  const why = !choice ? words().chooseFirst : left ? words().readOn(left) : phone.matches && seen.size < 2 ? words().readBoth : null;
  if (why) {
    $("status").textContent = why;
    return;
  }
  busy = true;
  const vote = { position: task.position, choice, tags: [...tags], correct: task.vote !== null };
  $("status").textContent = words().saving;
  update();
  for (let wait = 500; ; wait = Math.min(8000, 2 * wait)) {
    try {
      const reply = await (await call("/api/vote", vote)).json();
      busy = false;
      take(reply);
      return;
    } catch (error) {
      if (error instanceof Refusal && error.status < 500) {
        busy = false;
        await refused(error);
        return;
      }
      $("status").textContent = words().retrying; // the same vote twice is one vote: asking again is safe
      await pause(wait);
    }
  }
}

async function refused(error) {
  if (error.code === "already_voted" || error.code === "no_such_task") {
    await load(); // another window of this rater was quicker
    $("status").textContent = words().movedOn;
  } else if (error.status === 401) notice(words().nobody, words().nobodyMore);
  else {
    $("status").textContent = error.message;
    update();
  }
}

async function load(position) {
  for (let wait = 500; ; wait = Math.min(8000, 2 * wait)) {
    try {
      take(await (await call(position === undefined ? "/api/task" : `/api/task?position=${position}`)).json());
      return;
    } catch (error) {
      if (error instanceof Refusal && error.status < 500) {
        notice(words().nobody, words().nobodyMore);
        return;
      }
      notice(words().noServer, words().noServerMore);
      await pause(wait);
    }
  }
}

// Scrolling and, on a phone, switching.

const expected = { left: -1, right: -1 };
const range = (pane) => pane.scrollHeight - pane.clientHeight;

function follow(from, to) {
  const pane = $(from);
  if (Math.abs(pane.scrollTop - expected[from]) < 2) return; // moved by us
  expected[from] = -1;
  if (!together || phone.matches) return;
  const other = $(to);
  other.scrollTop = range(pane) > 0 ? (pane.scrollTop / range(pane)) * range(other) : 0;
  expected[to] = other.scrollTop;
}

function scrollBoth(pixels) {
  const long = phone.matches ? shownSide() : range($("left")) >= range($("right")) ? "left" : "right";
  expected[long] = -1;
  $(long).scrollTop += pixels;
  if (!together && !phone.matches) $(long === "left" ? "right" : "left").scrollTop += pixels;
}

const shownSide = () => ($("work").dataset.side === "right" ? "right" : "left");

/** On a phone: one text at a time, at the same relative place as the other was left. */
function show(side) {
  const before = $(shownSide());
  const part = range(before) > 0 ? before.scrollTop / range(before) : 0;
  const changed = side !== shownSide();
  $("work").dataset.side = side;
  seen.add(side);
  for (const name of ["left", "right"]) $(`show-${name}`).setAttribute("aria-selected", String(name === side));
  if (phone.matches && changed && together) $(side).scrollTop = part * range($(side));
}

$("left").addEventListener("scroll", () => follow("left", "right"), { passive: true });
$("right").addEventListener("scroll", () => follow("right", "left"), { passive: true });
for (const side of ["left", "right"]) $(`show-${side}`).addEventListener("click", () => show(side));
$("sync").addEventListener("click", () => {
  together = !together;
  $("sync").setAttribute("aria-pressed", String(together));
});

$("unfold").addEventListener("click", () => {
  const whole = $("prompt").classList.toggle("whole");
  $("unfold").setAttribute("aria-expanded", String(whole));
});

// Buttons and keys.

for (const button of document.querySelectorAll(".choice")) button.addEventListener("click", () => choose(button.dataset.choice));
$("save").addEventListener("click", save);
$("back").addEventListener("click", back);
$("guide").addEventListener("close", () => document.activeElement?.blur()); // which may still be the guide's own button
$("help").addEventListener("click", () => $("guide").showModal());

function back() {
  if (!busy && told?.task?.position > 0) load(told.task.position - 1);
}

const KEYS = {
  1: () => choose("left"), ArrowLeft: () => choose("left"), 4: () => choose("right"), ArrowRight: () => choose("right"),
  2: () => choose("tie"), 3: () => choose("bad"), Enter: save, Backspace: back, "?": () => $("guide").showModal(),
  ArrowDown: () => scrollBoth(60), ArrowUp: () => scrollBoth(-60), " ": () => scrollBoth(0.8 * $("left").clientHeight),
  PageDown: () => scrollBoth(0.8 * $("left").clientHeight), PageUp: () => scrollBoth(-0.8 * $("left").clientHeight),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("guide").open || $("work").hidden || busy) return;
  const at = event.target;
  // What has the focus keeps the keys that work it: a button Enter and space, a text that scrolls the keys that scroll it.
  if (at instanceof HTMLButtonElement && !at.closest("dialog") && (event.key === " " || event.key === "Enter")) return;
  if (at.tabIndex === 0 && range(at) > 0 && (event.key.startsWith("Page") || ["ArrowUp", "ArrowDown", " "].includes(event.key))) return;
  const tag = told.tags[TAG_KEYS.indexOf(event.key.toLowerCase())];
  const act = KEYS[event.key] ?? (event.key.length === 1 && tag ? () => toggleTag(tag) : null);
  if (!act || (event.repeat && !event.key.startsWith("Arrow") && !event.key.startsWith("Page"))) return;
  event.preventDefault();
  act();
});

// A click leaves no focus behind, so that Enter then saves; who came to a button by Tab stays there.
addEventListener("click", (event) => {
  if (event.detail > 0) event.target.closest?.("button")?.blur();
});

addEventListener("beforeunload", (event) => {
  if (busy) event.preventDefault(); // a vote is on its way
});

start(() => told && draw());
if (location.hash.length < 2) notice(words().nobody, words().nobodyMore);
else {
  await load();
  if (told?.done === 0 && told.task) $("guide").showModal();
}
