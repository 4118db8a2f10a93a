// Text of a trace becomes text nodes and nothing else. Characters that cannot be seen are written out as their code.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function appendVisible(parent, text) {
  let start = 0;
  for (const match of text.matchAll(UNSEEN)) {
    parent.append(document.createTextNode(text.slice(start, match.index)));
    const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    parent.append(element("span", "hidden", "U+" + code));
    start = match.index + 1;
  }
  parent.append(document.createTextNode(text.slice(start)));
}

// Where the first of some strings is found at or after a place: [place, length]; the longer one of two at one place.
function firstOf(text, strings, from) {
  let best = [-1, 0];
  for (const one of strings) {
    const found = text.indexOf(one, from);
    if (found >= 0 && (best[0] < 0 || found < best[0] || (found === best[0] && one.length > best[1]))) best = [found, one.length];
  }
  return best;
}

function appendText(parent, text, highlights) {
  let start = 0;
  for (let [found, length] = firstOf(text, highlights, 0); found >= 0; [found, length] = firstOf(text, highlights, start)) {
    appendVisible(parent, text.slice(start, found));
    appendVisible(parent.appendChild(element("mark")), text.slice(found, found + length));
    start = found + length;
  }
  appendVisible(parent, text.slice(start));
}
