// Two texts side by side. A piece is [text, whether it differs from the other side].
function side(pieces, name) {
  const made = element("div", `side ${name}`);
  for (const [text, differs] of pieces) appendVisible(differs ? made.appendChild(element("span", "differs")) : made, text);
  return made;
}

export default function (component) {
  const { data, parentElement } = component;
  const both = element("div", "both");
  both.append(side(data.left, "left"), side(data.right, "right"));
  parentElement.querySelector(".root").replaceChildren(both);
}
