// A trace step by step. `share` (-1 to 1) colours a step: blue raises, orange lowers what the score measures.
function tint(share, signed) {
  const color = share < 0 ? "var(--st-orange-color)" : signed ? "var(--st-blue-color)" : "var(--st-gray-color)";
  return (strength) => `color-mix(in srgb, ${color} ${Math.round(Math.abs(share) * strength)}%, transparent)`;
}

function stepRow(step, data) {
  const row = element("div", "step");
  if (data.numbered) row.append(element("div", "number", step.number));
  if (data.measured) {
    row.append(element("div", "value", step.label));
    row.title = step.title;
    if (step.share !== null) {
      if (data.signed) row.classList.add(step.share < 0 ? "harmful" : "helpful");
      const color = tint(step.share, data.signed);
      row.style.background = color(30);
      row.style.borderLeftColor = color(100);
    }
  }
  appendText(row.appendChild(element("div", "text")), step.text, data.highlight);
  return row;
}

export default function (component) {
  const { data, parentElement } = component;
  const steps = element("div", data.measured ? "steps" : data.numbered ? "steps plain" : "steps bare");
  for (const step of data.steps) steps.append(stepRow(step, data));
  parentElement.querySelector(".root").replaceChildren(steps);
}
