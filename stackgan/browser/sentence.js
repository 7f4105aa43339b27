// What happens to a sentence before a network reads it: the twins of normalised, encode_characters, complete_sentence and sentence_notes.

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const letters = text => Array.from(text.toLowerCase()); // characters, not halves of them
const some = list => [...new Set(list)].slice(0, 8).join(" ") + (new Set(list).size > 8 ? " ..." : "");

export const normalised = text => text.replaceAll("\ufeff", "").normalize("NFKC").split(/[\s\x1c-\x1f\x85]+/).filter(Boolean).join(" ");

export function encode(text, model) { // Int32Array of max_len character codes, 0 for what the model cannot read
  const codes = new Int32Array(model.max_len);
  letters(text).slice(0, model.max_len).forEach((char, i) => { codes[i] = model.alphabet.lastIndexOf(char) + 1; }); // "-" stands in it twice
  return codes;
}

export function complete(text, z, model) { // the sentence that is drawn: what it leaves open, the noise decides
  for (const {unless, say, noise} of model.completions) {
    const words = text.toLowerCase().match(/[a-z]+/g) || [];
    if (words.some(word => unless.includes(word))) continue;
    const votes = Array.from(z.slice(noise, noise + say.length));
    const longer = `${text.replace(/[ .,;!]+$/, "")} ${say[votes.indexOf(Math.max(...votes))]}`;
    if (letters(longer).length <= model.max_len) text = longer; // what would be cut is left out
  }
  return text;
}

export function unreadable(text, model, messages) { // why nothing can be drawn, or null
  if (!text.trim()) return messages.empty;
  const read = letters(text).slice(0, model.max_len);
  return read.some(char => /[a-z0-9]/.test(char) && model.alphabet.includes(char)) ? null : messages.unreadable;
}

export function notes(text, model, messages) { // what a visitor should know about this sentence
  const all = letters(text), read = all.slice(0, model.max_len), said = [];
  if (all.length > read.length)
    said.push(fill(messages.cut, {max: model.max_len, length: all.length, end: read.slice(-24).join("")}));
  const odd = read.filter(char => !model.alphabet.includes(char) && char.trim());
  if (odd.length) said.push(fill(messages.letters, {letters: some(odd)}));
  const whole = /[a-z0-9]/.test(all[read.length] || "") ? read.join("").replace(/[a-z0-9]+$/, "") : read.join(""); // no half word
  const words = (whole.match(/[a-z]+|[0-9]+/g) || []).filter(word => model.words && !model.words.includes(word));
  if (words.length) said.push(fill(messages.words, {words: some(words)}));
  return said;
}
