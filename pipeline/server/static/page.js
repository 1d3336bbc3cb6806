// Puts the page together: what is dropped or chosen is sent, scans are listed, and the address tells which one is open.
import { Away, Refusal, ask } from "./api.js";
import { Detail } from "./detail.js";
import { dropped } from "./dropped.js";
import { follow } from "./events.js";
import { List } from "./list.js";
import { News } from "./news.js";
import { Outbox } from "./outbox.js";
import { offerSignOut } from "./session.js";
import { say } from "./texts.js";

const at = (id) => document.getElementById(id);
const news = new News(at("news"));
const outbox = new Outbox({
  onsent: (upload) => {
    news.tell(say.sent(upload.file.name));
    void list.load();
  },
  onbegun: () => list.layOut(),
});
const list = new List({ isSent: (id) => outbox.holds(id), ondelete: confirmDelete });
const detail = new Detail({ ondelete: confirmDelete });

// Files

at("choose").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => {
  outbox.add(at("files").files);
  // The same file may be chosen again.
  at("files").value = "";
});
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
const drag = (isOver) => document.body.classList.toggle("dropping", isOver);
addEventListener("dragenter", (event) => carriesFiles(event) && drag(true));
// Without a related element the pointer has left the page, and not gone from one part of it to another.
addEventListener("dragleave", (event) => event.relatedTarget === null && drag(false));
addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  drag(false);
  location.hash = "#/";
  outbox.add(await dropped(event.dataTransfer));
});

// Scans

function confirmDelete(scan) {
  const tell = (sentence) => {
    at("sure-error").textContent = sentence;
    at("sure-error").hidden = !sentence;
  };
  tell("");
  at("sure-name").textContent = scan.name;
  at("sure-no").onclick = () => at("sure").close();
  at("sure-yes").onclick = async () => {
    try {
      await ask(`v1/scans/${encodeURIComponent(scan.id)}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof Refusal || error instanceof Away)) throw error;
      if (error.status !== 404) return tell(error.message);
    }
    at("sure").close();
    if (detail.id === scan.id) location.hash = "#/";
    list.deleted(scan.id);
    news.tell(say.deleted(scan.name));
  };
  at("sure").showModal();
}

const isOpenIn = () => location.hash.match(/^#\/scan\/([\w-]+)$/)?.[1] ?? null;

async function route(moved) {
  const id = isOpenIn();
  const left = detail.id;
  at("list").hidden = Boolean(id);
  at("detail").hidden = !id;
  document.title = "Facewitness";
  if (id) scrollTo(0, 0);
  const opened = detail.open(id);
  if (moved && !id && left) list.focus(left);
  if (moved && id) at("detail-title").focus();
  await opened;
}

// A link to the place where one is already would look like another page.
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("main").focus();
});
addEventListener("hashchange", () => route(true));
offerSignOut();
await Promise.all([route(false), list.load()]);
follow({
  onscan: (scan) => {
    list.changed(scan);
    detail.changed(scan);
    if (scan.state === "done") news.done(scan);
  },
  ondeleted: (id) => {
    list.deleted(id);
    detail.deleted(id);
  },
  onback: () => {
    at("away").hidden = true;
    void list.load();
    void detail.load();
  },
  onaway: (seconds) => {
    at("away").textContent = say.away(seconds);
    at("away").hidden = false;
  },
});
const largest = await ask("v1/uploads", { method: "OPTIONS" }).then((answer) => Number(answer.headers.get("Tus-Max-Size")), () => 0);
if (largest) at("limit").textContent = say.limit(largest);
