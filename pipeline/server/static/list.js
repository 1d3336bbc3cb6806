// The scans as a table, newest first: searched and filtered by the server, kept up to date by its events.
import { Away, Refusal, ask } from "./api.js";
import { LABELS, STATUSES, clock, percent, say, score, size, standing, when, who } from "./texts.js";
import { begun } from "./upload.js";

const PAGE = 50;
const TYPING_MS = 200;
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);

export class List {
  // `isSent` tells whether a scan is shown among the files being sent, and `ondelete` is asked to delete one.
  constructor({ isSent, ondelete }) {
    this.isSent = isSent;
    this.ondelete = ondelete;
    this.rows = new Map();
    // Rows that may stand here: those that were asked for.
    this.most = PAGE;
    this.more = false;
    this.asked = 0;
    // What is told while an answer, which may be older, is on its way; null stands for a deleted scan.
    this.meanwhile = null;
    const optionsOf = (names) => Object.entries(names).map(([value, text]) => new Option(text, value));
    const without = Object.assign(document.createElement("optgroup"), { label: say.noVerdict });
    without.append(...optionsOf(STATUSES));
    at("label").replaceChildren(new Option(say.anyVerdict, ""), ...optionsOf(LABELS), without);
    let typing;
    at("search").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.load(), TYPING_MS);
    });
    at("label").addEventListener("change", () => this.load());
    at("more").addEventListener("click", () => this.loadMore());
  }

  get #isFiltered() {
    return Boolean(at("search").value.trim() || at("label").value);
  }

  // Fetch the newest scans that match, and show these alone.
  async load() {
    const answer = await this.#fetch({});
    if (!answer) return;
    const known = this.rows;
    this.rows = new Map();
    this.most = PAGE;
    for (const scan of answer.scans) this.#show(known.get(scan.id), scan);
    this.#showMore(answer);
  }

  async loadMore() {
    const before = [...this.rows.keys()].pop();
    const answer = await this.#fetch({ before });
    if (!answer) return;
    for (const scan of answer.scans) this.#show(this.rows.get(scan.id), scan);
    this.most = Math.max(PAGE, this.rows.size);
    this.#showMore(answer);
    this.rows.get(answer.scans[0]?.id)?.link.focus();
  }

  // A scan has changed or come.
  changed(scan) {
    this.meanwhile?.set(scan.id, scan);
    const row = this.rows.get(scan.id);
    if (row) {
      row.update(scan);
      this.layOut();
    } else if (this.#isFiltered) {
      // Only the server knows whether it matches. Of a file that is on its way nothing new is to be seen.
      if (scan.state === "done") void this.load();
    } else {
      const shown = [...this.rows];
      const oldest = shown.at(-1)?.[1].scan;
      // News of a scan further down is for those who ask for more.
      if (this.more && oldest && scan.created_at < oldest.created_at) return;
      this.rows = new Map();
      this.#show(undefined, scan);
      const newest = [...this.rows, ...shown].sort(([, a], [, b]) => b.scan.created_at.localeCompare(a.scan.created_at));
      this.rows = new Map(newest);
      this.#letGo();
      this.layOut();
    }
  }

  deleted(id) {
    this.meanwhile?.set(id, null);
    const row = this.rows.get(id);
    if (!row) return;
    const hadFocus = row.element.contains(document.activeElement);
    const ids = [...this.rows.keys()];
    const neighbour = ids[ids.indexOf(id) + 1] ?? ids[ids.indexOf(id) - 1];
    row.element.remove();
    this.rows.delete(id);
    this.layOut();
    if (hadFocus) (this.rows.get(neighbour)?.link ?? at("choose")).focus();
  }

  focus(id) {
    this.rows.get(id)?.link.focus();
  }

  // Let the oldest rows go for the new ones, or a page that is open for days would hold all; "more" brings them back.
  #letGo() {
    for (const [id, row] of [...this.rows].slice(this.most).reverse()) {
      if (row.element.contains(document.activeElement)) return;
      this.rows.delete(id);
      this.more = true;
    }
  }

  #showMore(answer) {
    this.more = answer.more;
    this.layOut();
    const told = this.meanwhile;
    this.meanwhile = null;
    for (const [id, scan] of told) {
      if (scan) this.changed(scan);
      else this.deleted(id);
    }
  }

  async #fetch(further) {
    this.meanwhile = new Map();
    const number = (this.asked += 1);
    const wanted = { query: at("search").value.trim(), label: at("label").value, limit: PAGE, ...further };
    const asked = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    try {
      const answer = await (await ask(`v1/scans?${asked}`)).json();
      // Of two answers, the one to the later question counts.
      return number === this.asked ? answer : null;
    } catch (error) {
      if (error instanceof Refusal) at("count").textContent = error.message;
      else if (!(error instanceof Away)) throw error;
      return null;
    }
  }

  #show(row, scan) {
    const shown = row ?? new Row(scan.id, (deleted) => this.ondelete(deleted));
    shown.update(scan);
    this.rows.set(scan.id, shown);
  }

  // Show the rows as they are now, but for those that are shown among the files being sent.
  layOut() {
    const shown = [...this.rows.values()].filter((row) => row.scan.state !== "uploading" || !this.isSent(row.scan.id));
    const wanted = new Set(shown.map((row) => row.element));
    for (const element of [...at("rows").children]) if (!wanted.has(element)) element.remove();
    shown.forEach((row, place) => {
      const there = at("rows").children[place];
      // A row that stays where it is keeps the focus in it.
      if (there !== row.element) at("rows").insertBefore(row.element, there ?? null);
    });
    at("scans").hidden = !shown.length;
    at("more").hidden = !this.more;
    at("empty").hidden = shown.length > 0;
    at("empty").textContent = this.#isFiltered ? say.nothingFound : say.empty;
    at("count").textContent = shown.length ? (this.#isFiltered ? say.found : say.count)(shown.length, this.more) : "";
  }
}

class Row {
  constructor(id, ondelete) {
    this.element = document.createElement("tr");
    this.link = Object.assign(document.createElement("a"), { href: `#/scan/${encodeURIComponent(id)}` });
    this.name = document.createElement("bdi");
    this.link.append(this.name);
    const head = Object.assign(document.createElement("th"), { scope: "row" });
    head.append(this.link);
    const cell = (name) => Object.assign(document.createElement("td"), { className: name });
    this.cells = Object.fromEntries(["verdict", "score", "who", "length", "added"].map((name) => [name, cell(name)]));
    this.button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: say.delete });
    this.button.addEventListener("click", () => ondelete(this.scan));
    const last = cell("last");
    last.append(this.button);
    this.element.append(head, ...Object.values(this.cells), last);
  }

  update(scan) {
    this.scan = scan;
    const { result, state } = scan;
    this.element.className = `${state} ${result?.verdict ?? "none"}`;
    this.name.textContent = scan.name;
    this.button.setAttribute("aria-label", say.of(say.delete, scan.name));
    this.cells.verdict.replaceChildren(...standingOf(scan));
    this.cells.score.replaceChildren(...(typeof result?.score === "number" ? [score(result.score), bar(result.score)] : []));
    // Why there is no verdict needs more room than a score.
    const why = result && !result.verdict ? result.message : null;
    this.cells.score.hidden = Boolean(why);
    this.cells.who.colSpan = why ? 2 : 1;
    this.cells.who.textContent = why ?? who(result);
    const length = result?.input?.probe?.duration_s;
    this.cells.length.textContent = length ? clock(length) : size(scan.size);
    const time = Object.assign(document.createElement("time"), { dateTime: scan.created_at, textContent: when(scan.created_at) });
    this.cells.added.replaceChildren(time);
  }
}

// The verdict of a scan, or how far it is, as elements.
export function standingOf(scan) {
  const chip = document.createElement("span");
  chip.className = scan.state === "done" ? `chip ${scan.result?.verdict ?? "none"}` : "state";
  chip.textContent = standing(scan);
  if (scan.state !== "uploading") return [chip];
  const known = begun().has(scan.id);
  chip.textContent = known ? say.notSent(scan.received, scan.size) : `${standing(scan)}, ${percent(scan.received, scan.size)}`;
  return [chip];
}

function bar(value) {
  const drawn = document.createElementNS(SVG, "svg");
  const filled = document.createElementNS(SVG, "rect");
  for (const [name, text] of [["class", "bar"], ["viewBox", "0 0 100 5"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]])
    drawn.setAttribute(name, text);
  filled.setAttribute("width", 100 * value);
  filled.setAttribute("height", 5);
  drawn.append(filled);
  return drawn;
}
