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

// Where strings are found in a text, in order and apart: [start, stop] of each.
function marksIn(text, strings) {
  const marks = [];
  let next = 0;
  for (let [found, length] = firstOf(text, strings, 0); found >= 0; [found, length] = firstOf(text, strings, next)) {
    next = found + length;
    marks.push([found, next]);
  }
  return marks;
}

// The piece of a text from start to stop; what lies inside one of the marks is marked.
function appendPiece(parent, text, start, stop, marks) {
  for (const [from, to] of marks) {
    if (to <= start || from >= stop) continue;
    const [first, last] = [Math.max(from, start), Math.min(to, stop)];
    appendVisible(parent, text.slice(start, first));
    appendVisible(parent.appendChild(element("mark")), text.slice(first, last));
    start = last;
  }
  appendVisible(parent, text.slice(start, stop));
}

function appendText(parent, text, highlights) {
  appendPiece(parent, text, 0, text.length, marksIn(text, highlights));
}
