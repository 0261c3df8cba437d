// The owner's page: the standing, asked for every few seconds.
import { $, Refusal, call, el, notice, pause, start, tagWord, words, work } from "/page/shell.js";

const EVERY = 4000;
let standing = null;

const percent = (x, digits = 1) => (x === null ? "–" : `${(100 * x).toFixed(digits)}\u00a0%`);
const span = (share) => (share.value === null ? "" : `${(100 * share.low).toFixed(1)} – ${(100 * share.high).toFixed(1)}\u00a0%`);
const number = (x) => (x === null ? "–" : x.toFixed(3).replace("-", "−"));

function card(title, value, interval, note, warn = false) {
  return el("div", { class: warn ? "card warn" : "card" }, el("h3", {}, title), el("b", {}, value), ...(interval ? [el("span", { class: "span" }, interval)] : []), el("small", {}, note));
}

/** Whether one half is outside the interval: the votes lean to a side, or to length. */
const leans = (share) => share.low !== null && (share.low > 0.5 || share.high < 0.5);

function drawCards(s) {
  const w = words();
  const length = { value: s.length.share, low: s.length.low, high: s.length.high };
  $("cards").replaceChildren(
    card(w.cVotes, String(s.done), "", w.cVotesNote(s.tasks, s.done - s.votes)),
    card(w.cAlpha, number(s.agreement.alpha), "", w.cAlphaNote(number(s.agreement.alpha_decided), s.agreement.shared_pairs)),
    card(w.cSelf, percent(s.self_consistency.value), span(s.self_consistency), `${w.cSelfNote} (${s.self_consistency.count})`),
    card(w.cLeft, percent(s.left.value), span(s.left), w.cLeftNote, leans(s.left)),
    card(w.cLength, percent(length.value), span(length), w.cLengthNote, leans(length)),
  );
}

function bar(parts, total) {
  const made = el("div", { class: "bar" });
  for (const [kind, count, name] of parts) {
    if (!count) continue;
    const part = el("span", { class: kind, title: `${name} ${count}` }, count / total > 0.06 ? String(count) : "");
    part.style.flexGrow = count;
    made.append(part);
  }
  return made;
}

function whisker(share) {
  const made = el("div", { class: "whisker", title: `${percent(share.value)} (${span(share)})` }, el("i"), el("span"), el("b"));
  const [, range, point] = made.children;
  range.style.left = `${100 * share.low}%`;
  range.style.width = `${100 * (share.high - share.low)}%`;
  point.style.left = `${100 * share.value}%`;
  return made;
}

function drawDuels(s) {
  const w = words();
  // The winner stands on the left: the page reads "A beats B".
  const rows = s.duels.map((d) => {
    if (d.win_rate.value >= 0.5) return d;
    const r = d.win_rate;
    const turned = { value: 1 - r.value, low: 1 - r.high, high: 1 - r.low, count: r.count };
    return { ...d, first: d.second, second: d.first, wins: d.losses, losses: d.wins, win_rate: turned };
  });
  $("duels").replaceChildren(...rows.map((d) => el("div", { class: "duel" },
    el("div", { class: "names" }, el("bdi", { class: "first" }, d.first), el("span", { class: "share" }, percent(d.win_rate.value), el("small", {}, span(d.win_rate))), el("bdi", { class: "second" }, d.second)),
    bar([["won", d.wins, w.wins], ["tied", d.ties, w.ties], ["both", d.both_bad, w.bothBad], ["lost", d.losses, w.losses]], d.votes),
    whisker(d.win_rate),
    el("small", { class: "counts" }, `${w.wins} ${d.wins} · ${w.ties} ${d.ties} · ${w.bothBad} ${d.both_bad} · ${w.losses} ${d.losses} · ${w.votesOn(d.votes, d.prompts)}`),
  )));
  if (!rows.length) $("duels").append(el("p", { class: "note" }, w.noVotes));
}

const head = (...names) => el("tr", {}, ...names.map((name) => el("th", {}, name)));

function drawRaters(s) {
  const w = words();
  const rows = s.raters.map((r) => {
    const copy = el("button", { class: "quiet small" }, w.copy);
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(location.origin + s.links[r.name]);
      copy.textContent = w.copied;
    });
    const cells = [
      el("bdi", {}, r.name), el("span", { class: "done" }, el("progress", { max: Math.max(1, r.tasks), value: r.done }), `${r.done} / ${r.tasks}`),
      r.median_seconds === null ? "–" : `${r.median_seconds.toFixed(1)} ${w.seconds}`, String(r.undecided), percent(r.left.value, 0),
      r.self_consistency.count ? `${percent(r.self_consistency.value, 0)} (${r.self_consistency.count})` : "–",
      r.last === null ? "–" : w.ago(Date.now() / 1000 - r.last), navigator.clipboard ? copy : el("a", { href: s.links[r.name] }, w.link),
    ];
    return el("tr", {}, ...cells.map((cell) => el("td", {}, cell)));
  });
  $("raters").replaceChildren(head(w.rater, w.progress, w.median, w.undecided, w.cLeft, w.cSelf, w.lastVote, w.link), ...rows);
}

function drawTags(s) {
  const w = words();
  const columns = [...s.arms, "tie", "bad"];
  const names = [...s.arms.map((arm) => w.forArm(arm)), w.tie, w.bad];
  const rows = s.plan.tags.filter((tag) => s.tags[tag]).map((tag) =>
    el("tr", {}, el("td", {}, tagWord(tag)), ...columns.map((column) => el("td", {}, String(s.tags[tag][column] ?? 0)))));
  $("reasons").hidden = !rows.length;
  $("tags").replaceChildren(head(w.reason, ...names), ...rows);
}

function draw() {
  if (!standing) return;
  work();
  for (const part of [drawCards, drawDuels, drawRaters, drawTags]) part(standing);
}

async function refresh() {
  try {
    standing = await (await call("/api/admin/standing")).json();
    $("status").textContent = `● ${words().live}`;
    $("status").className = "status live";
    draw();
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) {
      notice(words().adminWrong, words().adminWrongMore);
      return false;
    }
    $("status").textContent = words().stale;
    $("status").className = "status";
  }
  return true;
}

for (const button of document.querySelectorAll("[data-file]")) {
  button.addEventListener("click", async () => {
    const made = URL.createObjectURL(await (await call(`/api/admin/export/${button.dataset.file}`)).blob());
    el("a", { href: made, download: button.dataset.file }).click();
    setTimeout(() => URL.revokeObjectURL(made), 60000);
  });
}

$("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("/api/admin/raters", { name: $("name").value });
    $("name").value = "";
    await refresh();
  } catch (error) {
    $("status").textContent = error.message;
  }
});

start(draw);
while (await refresh()) {
  await pause(EVERY);
  while (document.hidden) await pause(EVERY);
}
