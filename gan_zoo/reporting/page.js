"use strict";
// Frames by number of the run: [place on the slider, step, picture].
const all = JSON.parse(document.getElementById("frames").textContent);
const format = (n) => n.toLocaleString("en");

// Charts: values of the point that is nearest to the pointer, and a mark at the slider's step.

class Chart {
  constructor(svg) {
    Object.assign(this, JSON.parse(svg.dataset.plot));
    this.svg = svg;
    this.unitText = svg.closest("figure").querySelector(".unit");
    this.about = this.unitText.textContent;
    this.places = [...new Set(this.lines.flatMap((l) => l.points.map((p) => p[0])))].sort((a, b) => a - b);
    this.mark = this.vertical("mark");
    this.cursor = this.vertical("cursor");
    this.at = -1;
    svg.addEventListener("pointermove", (e) => this.show(this.nearest(e)));
    svg.addEventListener("pointerdown", (e) => {
      e.preventDefault(); // no focus, whose values would stay
      const place = this.nearest(e);
      this.show(place);
      for (const player of players) if (player.rules(this)) player.go(this, place);
    });
    svg.addEventListener("pointerleave", () => this.hide());
    svg.addEventListener("focus", () => svg.matches(":focus-visible") && this.show(this.places.at(-1)));
    svg.addEventListener("blur", () => this.hide());
    svg.addEventListener("keydown", (e) => {
      const to = this.at + { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (Number.isNaN(to)) return;
      e.preventDefault();
      this.show(this.places[Math.max(0, Math.min(this.places.length - 1, to))]);
    });
  }

  vertical(kind) {
    const line = this.svg.appendChild(document.createElementNS(this.svg.namespaceURI, "path"));
    line.setAttribute("class", kind);
    return line;
  }

  toX(value) {
    const [a, pixelA, b, pixelB] = this.x;
    return pixelA + ((value - a) / (b - a)) * (pixelB - pixelA);
  }

  toY(value) {
    const [a, pixelA, b, pixelB] = this.y;
    const f = this.log ? Math.log : (v) => v;
    return pixelA + ((f(value) - f(a)) / (f(b) - f(a))) * (pixelB - pixelA);
  }

  draw(path, value, dots = "") {
    const x = Math.max(this.x[1], Math.min(this.x[3], this.toX(value))).toFixed(2);
    path.setAttribute("d", `M ${x} ${this.y[1]} V ${this.y[3]}${dots}`);
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.svg.viewBox.baseVal.width;
    const far = (place) => Math.abs(this.toX(place) - x);
    return this.places.reduce((best, place) => (far(place) < far(best) ? place : best));
  }

  show(place) {
    this.at = this.places.indexOf(place);
    let dots = "";
    const values = [];
    for (const { name, points } of this.lines) {
      const found = points.find((p) => p[0] === place);
      if (!found) continue;
      const [x, y] = [this.toX(place), this.toY(found[1])];
      dots += ` M ${(x - 2.5).toFixed(2)} ${y.toFixed(2)} a 2.5 2.5 0 1 0 5 0 a 2.5 2.5 0 1 0 -5 0`;
      values.push(`${name} ${format(found[1])}`.trim());
    }
    this.draw(this.cursor, place, dots);
    const where = this.unit === "steps" ? `step ${format(place)}` : `${format(place)} images`;
    this.unitText.textContent = `${where}: ${values.join(", ")}`;
  }

  hide() {
    this.at = -1;
    this.cursor.removeAttribute("d");
    this.unitText.textContent = this.about;
  }
}

// Grids of samples, with a slider.
class Player {
  constructor(element) {
    this.element = element;
    this.pictures = [...element.querySelectorAll("img[data-runs]")];
    [this.slider, this.output, this.button, this.choice] = ["input", "output", "button", "select"].map((name) =>
      element.querySelector(name),
    );
    this.images = element.dataset.unit !== "step";
    this.scope = element.closest("details.run");
    this.places = [];
    this.timer = null;
    this.button.addEventListener("click", () => this.play());
    this.slider.addEventListener("input", () => {
      this.stop();
      this.show();
    });
    if (this.choice) this.choice.addEventListener("change", () => this.fill());
    this.fill();
  }

  framesOf(picture) {
    return all[JSON.parse(picture.dataset.runs)[this.choice ? this.choice.value : this.element.dataset.first]] || [];
  }

  // The charts beside it: in the folded part about the same run, or outside of all folded parts.
  rules(chart) {
    return chart.svg.closest("details.run") === this.scope;
  }

  show() {
    const place = this.places[this.slider.value];
    let step = place;
    for (const picture of this.pictures) {
      const frames = this.framesOf(picture);
      const frame = frames.filter((f) => f[0] <= place).pop() || frames[0];
      if (frame) [, step, picture.src] = frame;
      else picture.removeAttribute("src");
      picture.parentNode.querySelector(".at").textContent = frame ? `step ${format(frame[1])}` : "no samples";
    }
    this.output.textContent = this.images ? `${format(place)} images` : `step ${format(place)}`;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
    for (const chart of charts) if (this.rules(chart)) chart.draw(chart.mark, chart.unit === "steps" ? step : place);
  }

  fill() {
    const place = this.places.length ? this.places[this.slider.value] : Infinity;
    this.places = [...new Set(this.pictures.flatMap((p) => this.framesOf(p).map((f) => f[0])))].sort((a, b) => a - b);
    this.slider.max = this.places.length - 1;
    this.slider.value = Math.max(0, this.places.filter((p) => p <= place).length - 1);
    if (this.places.length) this.show();
  }

  // Show the grid that is nearest to a place in a chart.
  go(chart, at) {
    const steps = chart.unit === "steps" && this.images;
    const frames = this.framesOf(this.pictures[0]);
    const where = steps ? frames.map((f) => [f[1], f[0]]) : this.places.map((p) => [p, p]);
    if (!where.length) return;
    const [, place] = where.reduce((best, w) => (Math.abs(w[0] - at) < Math.abs(best[0] - at) ? w : best));
    this.goTo(place);
  }

  get atEnd() {
    return +this.slider.value === this.places.length - 1;
  }

  goTo(place) {
    const at = this.places.indexOf(place);
    if (at < 0) return;
    this.stop();
    this.slider.value = at;
    this.show();
  }

  play() {
    if (this.timer !== null) return this.stop();
    if (this.atEnd) this.slider.value = 0;
    this.button.textContent = "Pause";
    this.show();
    this.timer = setInterval(() => {
      this.slider.value = +this.slider.value + 1;
      this.show();
      if (this.atEnd) this.stop();
    }, 180);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
  }
}

const players = [];
const charts = [...document.querySelectorAll("svg[data-plot]")].map((svg) => new Chart(svg));
players.push(...[...document.querySelectorAll(".player")].map((element) => new Player(element)));

for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const pre = button.parentNode.querySelector("pre");
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    } catch {
      getSelection().selectAllChildren(pre); // what the browser forbids, Ctrl-C does
    }
  });
}

// A page from gan_zoo report --serve: load it anew when files changed, and keep what the reader chose.
const { follows } = document.documentElement.dataset;
if (follows) {
  const folds = [...document.querySelectorAll("details")];
  const kept = JSON.parse(sessionStorage.getItem("gan_zoo") || "{}");
  (kept.open || []).forEach((open, i) => folds[i] && (folds[i].open = open));
  (kept.places || []).forEach((place, i) => place !== null && players[i]?.goTo(place));
  if (kept.top) scrollTo(0, kept.top);
  sessionStorage.removeItem("gan_zoo");
  setInterval(async () => {
    try {
      const answer = await fetch("version");
      if (players.some((player) => player.timer !== null) || (await answer.text()) === follows) return;
      const places = players.map((player) => (player.atEnd ? null : player.places[player.slider.value]));
      sessionStorage.setItem("gan_zoo", JSON.stringify({ open: folds.map((f) => f.open), places, top: scrollY }));
      location.reload();
    } catch {
      // The server was ended; the page stays as it is.
    }
  }, 3000);
}
