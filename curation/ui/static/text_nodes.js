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

function appendText(parent, text, highlight) {
  let start = 0;
  for (let found = highlight ? text.indexOf(highlight) : -1; found >= 0; found = text.indexOf(highlight, start)) {
    appendVisible(parent, text.slice(start, found));
    appendVisible(parent.appendChild(element("mark")), text.slice(found, found + highlight.length));
    start = found + highlight.length;
  }
  appendVisible(parent, text.slice(start));
}
