// The page: what a visitor types and presses goes to worker.js, and what comes back is shown.
const $ = id => document.getElementById(id);
const worker = new Worker(new URL("worker.js", import.meta.url), {type: "module"});
const frames = []; // of the walk
let config, asked = 0;

function state(name, text, notes = []) { // what is going on, for people and for tests
  document.body.dataset.state = name;
  $("state").textContent = text;
  $("notes").replaceChildren(...notes.map(note => Object.assign(document.createElement("li"), {textContent: note})));
}

function seed() { // a whole number from 0 to 2147483647
  const value = Math.floor(Number($("seed").value));
  return Number.isFinite(value) ? Math.min(2147483647, Math.max(0, value)) : 0;
}

function draw() {
  $("seed").value = seed();
  state("busy", "Drawing ...");
  const truncation = Number($("truncation").value), bestOf = $("best").disabled ? 1 : Number($("best").value), sentence = $("sentence").value;
  worker.postMessage({id: ++asked, model: $("model").value, sentence, seed: seed(), truncation, bestOf});
  python(`${quoted(sentence)}, seed=${seed()}${truncation === 1 ? "" : `, truncation=${truncation}`}${bestOf === 1 ? "" : `, best_of=${bestOf}`})[0]`);
}

const quoted = text => JSON.stringify(Array.from(text).slice(0, 201).join(""));

function python(call) { // how Python does what was just asked for
  $("python").textContent = `from stackgan import StackGAN\nmodel = StackGAN.from_pretrained("${$("model").value}")\nmodel${call[0] === "." ? "" : "("}${call}`;
}

function walk() { // from this sentence to the other one
  $("seed").value = seed();
  state("busy", "Walking ...");
  frames.length = 0;
  const sentence = $("sentence").value, other = $("other").value, steps = Number($("steps").value);
  worker.postMessage({id: ++asked, model: $("model").value, sentence, other, steps, seed: seed()});
  python(`.interpolate(${quoted(sentence)}, ${quoted(other)}, ${steps}, seed=${seed()})`);
}

function show(i) { // a frame of the walk
  paint($("still"), frames[i]);
  $("frame").value = i;
  $("keepframe").href = $("still").toDataURL("image/png");
  $("keepframe").download = `walk-${seed()}-${i}.png`;
}

function paint(canvas, {bytes, size}) {
  canvas.width = canvas.height = size;
  canvas.getContext("2d").putImageData(new ImageData(bytes, size, size), 0, 0);
}

worker.onmessage = ({data}) => {
  if (data.id !== asked) return; // an older question's answer
  if (data.kind === "state") state("busy", data.text);
  if (data.kind === "refused") state("refused", data.text);
  if (data.kind === "failed") state("failed", `That did not work: ${data.text}. Reload the page to try again.`);
  if (data.kind === "sketch") paint($("sketch"), data);
  if (data.kind === "frame") {
    frames.push(data);
    $("walked").hidden = false;
    $("keepwalk").hidden = true;
    $("frame").max = data.steps - 1;
    show(data.number);
    state("busy", `Frame ${data.number + 1} of ${data.steps}`);
  }
  if (data.kind === "walked") {
    URL.revokeObjectURL($("keepwalk").href);
    $("keepwalk").href = URL.createObjectURL(new Blob([data.gif], {type: "image/gif"}));
    $("keepwalk").download = `walk-${seed()}.gif`;
    $("keepwalk").hidden = false;
    state("done", `${frames.length} frames from one sentence to the other: move the slider.`);
  }
  if (data.kind === "picture") {
    paint($("picture"), data);
    $("keep").href = $("picture").toDataURL("image/png");
    $("keep").download = `${data.told.toLowerCase().match(/[a-z0-9]+/g).join("-").slice(0, 60)}-${seed()}.png`;
    $("keep").hidden = false;
    state("done", `Drawn in ${(data.ms / 1000).toFixed(1)} s: ${data.told.slice(0, 240)}`, data.notes);
  }
};

function choose() { // a model: its examples and what is to be said of it
  const model = config.models.find(({name}) => name === $("model").value);
  $("about").textContent = model.about;
  $("examples").replaceChildren(...model.examples.map(text => {
    const button = Object.assign(document.createElement("button"), {textContent: text});
    button.onclick = () => { $("sentence").value = text; draw(); };
    return button;
  }));
  if (!$("sentence").value) $("sentence").value = model.examples[0];
  if (!$("other").value) $("other").value = model.examples.at(-1);
  $("best").disabled = !model.chooses; // it has no matcher
}

config = await (await fetch(new URL("config.json", import.meta.url))).json();
$("model").replaceChildren(...config.models.map(({name}) => new Option(name, name)));
$("source").href = config.source;
$("model").onchange = () => { choose(); draw(); };
$("draw").onclick = draw;
$("dice").onclick = () => { $("seed").value = Math.floor(Math.random() * 2147483648); draw(); };
$("truncation").oninput = () => { $("much").value = $("truncation").value; };
$("truncation").onchange = draw;
$("best").oninput = () => { $("many").value = $("best").value; };
$("best").onchange = draw;
$("steps").oninput = () => { $("long").value = $("steps").value; };
$("walk").onclick = walk;
$("frame").oninput = () => { if (frames[$("frame").value]) show(Number($("frame").value)); };
$("sentence").onkeydown = event => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); draw(); } };
choose();
draw();
