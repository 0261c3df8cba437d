// What both pages share: words, theme, elements, and calls with the secret behind '#'.
import { WORDS } from "/page/words.js";

export const $ = (id) => document.getElementById(id);

function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; } // storage may be forbidden; the page works without
}
function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* the choice then lasts as long as the page */ }
}

let language = kept("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";
export const words = () => WORDS[language];
export const tagWord = (tag) => words().tags[tag] ?? tag;

/** An element; texts become text nodes, so that no text is ever markup. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name in made && name !== "lang") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function speak() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const e of document.querySelectorAll("[data-word]")) e.textContent = words()[e.dataset.word];
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", words()[e.dataset.label]);
  for (const e of document.querySelectorAll("[data-title]")) e.title = words()[e.dataset.title];
  for (const e of document.querySelectorAll("[data-placeholder]")) e.placeholder = words()[e.dataset.placeholder];
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh";
}

const dark = matchMedia("(prefers-color-scheme: dark)");
function paint(theme) {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}

/** Puts words and theme in place; `redraw` is called when the language changes. */
export function start(redraw) {
  paint(kept("theme"));
  speak();
  $("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    keep("language", language);
    speak();
    redraw();
  });
  $("theme").addEventListener("click", () => {
    const shown = document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
    const theme = shown === "dark" ? "light" : "dark";
    keep("theme", theme);
    paint(theme);
  });
  addEventListener("hashchange", () => location.reload());
}

/** A reply of the server that is no success. */
export class Refusal extends Error {
  constructor(status, reply) {
    super(reply.message ?? `status ${status}`);
    this.status = status;
    this.code = reply.code;
  }
}

/** Throws Refusal for what the server refuses, TypeError where it cannot be reached. */
export async function call(path, body) {
  const headers = { Authorization: `Bearer ${location.hash.slice(1)}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (!reply.ok) throw new Refusal(reply.status, await reply.json().catch(() => ({})));
  return reply;
}

export const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/** A page of its own instead of the work: thanks, a wrong link, no server. */
export function notice(title, more, ...rest) {
  $("work").hidden = true;
  $("notice").hidden = false;
  $("notice").replaceChildren(el("h1", {}, title), el("p", {}, more), ...rest);
}
export function work() {
  $("notice").hidden = true;
  $("work").hidden = false;
}
