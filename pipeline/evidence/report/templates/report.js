"use strict";
// The slider over the timeline: the frame of the chosen moment is shown beside it, with its faces marked.
(() => {
  const { moments, alts, texts, captionFaces } = JSON.parse(document.getElementById("moments").textContent);
  const slider = document.getElementById("moment");
  const preview = document.getElementById("preview");
  if (!slider || !preview) return;
  const plot = slider.parentElement;
  const cursor = plot.querySelector(".cursor");
  const [image, marks, time, list] = ["img", "svg:last-of-type", ".time", "ul"].map((s) => preview.querySelector(s));
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const make = (name, attributes, text) => {
    const made = document.createElementNS(marks.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const mark = (face, width, crowded) => {
    const [x, y, w, h] = face.box;
    const box = { x, y, width: w, height: h, rx: 4 };
    const label = { x, y: Math.max(y - width / 100, width / 24), "font-size": width / 26 };
    const drawn = [make("rect", { ...box, class: `under ${face.band}` }), make("rect", { ...box, class: face.band })];
    return crowded ? drawn : [...drawn, make("text", label, face.id)];
  };
  const row = (name, value, band) => {
    const item = document.createElement("li");
    item.className = band;
    item.append(Object.assign(document.createElement("span"), { textContent: name }));
    item.append(Object.assign(document.createElement("b"), { textContent: value }));
    return item;
  };
  const show = (place) => {
    const moment = moments[place];
    const rest = moment.faces.length - captionFaces;
    slider.value = place;
    const rows = moment.faces.slice(0, captionFaces).map((f) => [filled(texts.person, { id: f.id }), f.score, f.band]);
    if (rest > 0) rows.push([filled(texts.moment_more, { n: rest }), "", ""]);
    slider.setAttribute("aria-valuetext", [moment.time, ...rows.map(([name, score]) => `${name} ${score}`)].join(", "));
    cursor.style.left = `${100 * moment.x}%`;
    if (image && moment.picture) {
      image.src = moment.picture;
      image.alt = alts[place];
    }
    if (image) image.style.visibility = moment.picture ? "visible" : "hidden";
    // Frames may differ in size, and a picture has the form of its frame.
    marks.setAttribute("viewBox", `0 0 ${moment.size.join(" ")}`);
    const drawn = [...moment.faces].reverse().flatMap((face) => mark(face, moment.size[0], moment.faces.length > 12));
    marks.replaceChildren(...drawn);
    time.textContent = filled(texts.moment_of, moment);
    list.replaceChildren(...rows.map((values) => row(...values)));
  };
  const nearest = (event) => {
    const area = plot.getBoundingClientRect();
    const x = (event.clientX - area.left) / area.width;
    const distances = moments.map((moment) => Math.abs(moment.x - x));
    return distances.indexOf(Math.min(...distances));
  };
  slider.addEventListener("input", () => show(Number(slider.value)));
  plot.addEventListener("pointermove", (event) => show(nearest(event)));
  plot.addEventListener("pointerdown", (event) => {
    show(nearest(event));
    slider.focus({ preventScroll: true });
    event.preventDefault();
  });
  // The page says where the slider stands, but not who is seen there; and a browser may have put it back elsewhere.
  show(Number(slider.value));
})();
