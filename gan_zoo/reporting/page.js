"use strict";
// Frames by number of the run: [place on the slider, step, picture].
const all = JSON.parse(document.getElementById("frames").textContent);
const format = (n) => n.toLocaleString("en");

for (const player of document.querySelectorAll(".player")) {
  const pictures = [...player.querySelectorAll("img")];
  const [slider, output, button, choice] = ["input", "output", "button", "select"].map((name) => player.querySelector(name));
  let places = [];
  let timer = null;

  const framesOf = (picture) => all[JSON.parse(picture.dataset.runs)[choice ? choice.value : player.dataset.first]] || [];

  const show = () => {
    const place = places[slider.value];
    for (const picture of pictures) {
      const frames = framesOf(picture);
      const frame = frames.filter((f) => f[0] <= place).pop() || frames[0];
      if (frame) picture.src = frame[2];
      else picture.removeAttribute("src");
      picture.parentNode.querySelector(".at").textContent = frame ? `step ${format(frame[1])}` : "no samples";
    }
    const images = player.dataset.unit !== "step";
    output.textContent = images ? `${format(place)} images` : `step ${format(place)}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };

  const fill = () => {
    const place = places.length ? places[slider.value] : Infinity;
    places = [...new Set(pictures.flatMap((p) => framesOf(p).map((f) => f[0])))].sort((a, b) => a - b);
    slider.max = places.length - 1;
    slider.value = Math.max(0, places.filter((p) => p <= place).length - 1);
    if (places.length) show();
  };

  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };

  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    if (+slider.value === places.length - 1) slider.value = 0;
    button.textContent = "Pause";
    show();
    timer = setInterval(() => {
      slider.value = +slider.value + 1;
      show();
      if (+slider.value === places.length - 1) stop();
    }, 180);
  });
  slider.addEventListener("input", () => {
    stop();
    show();
  });
  if (choice) choice.addEventListener("change", fill);
  fill();
}
