// The page: what a visitor types and presses goes to worker.js, and what comes back is shown.
const $ = id => document.getElementById(id);
const worker = new Worker(new URL("worker.js", import.meta.url), {type: "module"});
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
  const truncation = Number($("truncation").value), sentence = $("sentence").value;
  worker.postMessage({id: ++asked, model: $("model").value, sentence, seed: seed(), truncation, plain: false});
  const dial = truncation === 1 ? "" : `, truncation=${truncation}`, short = Array.from(sentence).slice(0, 201).join("");
  $("python").textContent = `from stackgan import StackGAN\nmodel = StackGAN.from_pretrained("${$("model").value}")\n` +
    `model(${JSON.stringify(short)}, seed=${seed()}${dial})[0]`;
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
}

config = await (await fetch(new URL("config.json", import.meta.url))).json();
$("model").replaceChildren(...config.models.map(({name}) => new Option(name, name)));
$("source").href = config.source;
$("model").onchange = () => { choose(); draw(); };
$("draw").onclick = draw;
$("dice").onclick = () => { $("seed").value = Math.floor(Math.random() * 2147483648); draw(); };
$("truncation").oninput = () => { $("much").value = $("truncation").value; };
$("truncation").onchange = draw;
$("sentence").onkeydown = event => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); draw(); } };
choose();
draw();
