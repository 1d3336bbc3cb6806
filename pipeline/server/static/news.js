// What has happened, read out by screen readers. Much at once becomes one sentence.
import { say, standing } from "./texts.js";

const GATHERED_MS = 1000;
const MOST = 3;

export class News {
  constructor(region) {
    this.region = region;
    this.sentences = [];
    this.scans = new Map();
    this.timer = null;
  }

  tell(sentence) {
    this.sentences.push(sentence);
    this.timer ??= setTimeout(() => this.#speak(), GATHERED_MS);
  }

  done(scan) {
    this.scans.set(scan.id, scan);
    this.timer ??= setTimeout(() => this.#speak(), GATHERED_MS);
  }

  #speak() {
    const scans = [...this.scans.values()];
    const fakes = scans.filter((scan) => scan.result?.verdict === "likely_fake").length;
    const done = scans.length > MOST ? [say.muchNews(scans.length, fakes)] : scans.map((scan) => say.isNow(scan.name, standing(scan)));
    this.region.textContent = [...this.sentences.slice(-MOST), ...done].join(" ");
    this.sentences = [];
    this.scans.clear();
    this.timer = null;
  }
}
