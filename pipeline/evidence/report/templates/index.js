"use strict";
// Search, filter and sort. Only one page of the rows is ever laid out, so thousands of them stay quick.
(() => {
  const PAGE = 50;
  const at = (id) => document.getElementById(id);
  const [body] = at("files").tBodies;
  const heads = [...at("files").tHead.rows[0].cells];
  const controls = ["search", "verdict", "status"].map(at);
  const keyOf = (cell, kind) => {
    if (kind === "text") return cell.textContent.trim().toLowerCase();
    return cell.dataset.key === "" ? null : Number(cell.dataset.key);
  };
  const rows = [...body.rows].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
    verdict: row.className,
    status: row.dataset.status,
    keys: heads.map((head, place) => keyOf(row.cells[place], head.dataset.kind)),
  }));
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name].toLocaleString("en"));
  let matching = rows;
  let first = 0;
  const layOut = () => {
    const shown = matching.slice(first, first + PAGE);
    body.replaceChildren(...shown.map(({ row }) => row));
    at("pager").hidden = matching.length <= PAGE;
    at("page").textContent = filled(at("page").dataset.text, { first: first + 1, last: first + shown.length });
    at("previous").disabled = first === 0;
    at("next").disabled = first + PAGE >= matching.length;
  };
  const filter = () => {
    const [text, verdict, status] = controls.map((control) => control.value.trim().toLowerCase());
    const wanted = (row) =>
      row.text.includes(text) && (!verdict || row.verdict === verdict) && (!status || row.status === status);
    matching = rows.filter(wanted);
    first = 0;
    const { text: some, none } = at("count").dataset;
    at("count").textContent = matching.length ? filled(some, { shown: matching.length, all: rows.length }) : none;
    layOut();
  };
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  const sort = (place) => {
    const head = heads[place];
    const was = head.getAttribute("aria-sort");
    const direction = was === "descending" ? 1 : was === "ascending" ? -1 : head.dataset.kind === "text" ? 1 : -1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    // What has no value comes last either way.
    rows.sort(({ keys: a }, { keys: b }) => {
      if (a[place] === null || b[place] === null) return (a[place] === null) - (b[place] === null);
      return direction * compare(a[place], b[place]);
    });
    filter();
  };
  const turn = (step) => {
    first += step;
    layOut();
    at("files").scrollIntoView({ block: "start" });
  };
  controls.forEach((control) => control.addEventListener("input", filter));
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => sort(place)));
  at("clear").addEventListener("click", () => {
    controls.forEach((control) => (control.value = ""));
    filter();
    controls[0].focus();
  });
  at("previous").addEventListener("click", () => turn(-PAGE));
  at("next").addEventListener("click", () => turn(PAGE));
  addEventListener("beforeprint", () => body.replaceChildren(...matching.map(({ row }) => row)));
  addEventListener("afterprint", layOut);
  at("filter").hidden = false;
  filter();
})();
