// Every sentence that the scripts of the page say, and how figures are written for people. Names of verdicts are those of
// the evidence report (pipeline/evidence/texts.py).

export const LABELS = { likely_fake: "Likely fake", inconclusive: "Inconclusive", likely_real: "Likely real" };

// Why there is no verdict: never a guess.
export const STATUSES = {
  no_face: "No face",
  insufficient_evidence: "Too little to judge",
  undecodable: "Damaged file",
  unsupported: "Not a readable kind",
  timeout: "Took too long",
  error: "Not finished",
};

const STATES = { uploading: "Being sent", waiting: "Waiting", scanning: "Being scanned" };

export const say = {
  away: (seconds) => `The server does not answer. Trying again ${seconds > 1 ? `in ${seconds} s` : "now"}.`,
  noAnswer: "The server does not answer.",
  failed: (status) => `The server refused this with error ${status}.`,
  wrongToken: "This is not the token of this server.",
  limit: (bytes) => `up to ${size(bytes)} each`,
  anyVerdict: "any",
  noVerdict: "No verdict",
  count: (shown, more) => `${shown}${more ? " newest" : ""} ${shown === 1 ? "scan" : "scans"}`,
  found: (shown, more) => `${shown}${more ? " or more" : ""} found`,
  empty: "Nothing has been scanned yet.",
  nothingFound: "No scan matches. Clear the search, or choose any verdict.",
  notSent: (received, whole) => `Broken off at ${percent(received, whole)}. Choose the same file again to go on.`,
  sending: (received, whole) => `${percent(received, whole)} of ${size(whole)}`,
  toBeSent: "Waits to be sent",
  retry: (sentence, seconds) => `${sentence} Trying again ${seconds > 1 ? `in ${seconds} s` : "now"}.`,
  moreToSend: (n) => `and ${n} more ${n === 1 ? "waits" : "wait"} to be sent`,
  stop: "Stop",
  again: "Try again",
  dismiss: "Dismiss",
  of: (action, name) => `${action} ${name}`,
  delete: "Delete",
  unreadable: "The browser cannot read this file any more. Choose it again.",
  position: (place) => (place === 1 ? "Next in the queue" : `Number ${place} in the queue`),
  missing: "There is no such scan. It may have been deleted, or its time may be over.",
  added: (when) => `added ${when}`,
  kept: (when) => `kept until ${when}`,
  report: (name) => `Evidence report of ${name}`,
  reporting: "The evidence report is being made.",
  drawing: "The annotated copy is being made. It is downloaded as soon as it is ready.",
  deleted: (name) => `${name} was deleted.`,
  sent: (name) => `${name} was sent.`,
  isNow: (name, what) => `${name}: ${what}`,
  muchNews: (n, fakes) => `${n} files are done${fakes ? `, ${fakes} of them likely fake` : ""}.`,
  people: (n) => (n === 1 ? "1 person" : `${n} people`),
  person: (id, people, start, end) =>
    `Person ${id}${people > 1 ? ` of ${people}` : ""}${end > start ? `, ${clock(start)} to ${clock(end)}` : ""}`,
};

// What a scan is now, in a word or two.
export function standing(scan) {
  if (scan.state === "waiting" && scan.position) return say.position(scan.position);
  if (scan.state !== "done") return STATES[scan.state] ?? scan.state;
  return LABELS[scan.result?.verdict] ?? STATUSES[scan.result?.status] ?? STATUSES.error;
}

// The most suspicious person of a file that is likely fake and when, or how many were judged.
export function who(result) {
  const judged = (result?.tracks ?? []).filter((track) => track.supported);
  if (!result?.verdict || !judged.length) return "";
  if (result.verdict !== "likely_fake") return say.people(judged.length);
  const first = judged.reduce((most, track) => (track.score > most.score ? track : most));
  const [strong = first] = (result.segments ?? []).filter((segment) => segment.track === first.id);
  return say.person(first.id, judged.length, strong.start_s, strong.end_s);
}

export function size(bytes) {
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  while (value >= 1000 && units.length > 1) {
    value /= 1024;
    units.shift();
  }
  return `${value < 10 && units[0] !== "KiB" ? value.toFixed(1).replace(".0", "") : Math.ceil(value)} ${units[0]}`;
}

// As a player does: 0:04.9, 12:03.5 or 1:02:03.
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const minutes = Math.floor(tenths / 600);
  if (minutes >= 60) return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two((tenths % 600) / 10)}`;
  return `${minutes}:${two((tenths % 600) / 10)}.${tenths % 10}`;
}

export function score(value) {
  return typeof value === "number" ? value.toFixed(2) : "";
}

export function percent(part, whole) {
  return `${whole ? Math.floor((100 * part) / whole) : 100}%`;
}

export function when(iso) {
  const date = new Date(iso);
  const sameDay = date.toDateString() === new Date().toDateString();
  const time = { hour: "2-digit", minute: "2-digit", hour12: false };
  return date.toLocaleString("en-GB", sameDay ? time : { day: "numeric", month: "short", ...time });
}
