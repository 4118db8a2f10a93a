// A trace step by step. `share` (-1 to 1) colours a step: blue raises, orange lowers what the score measures.
function tint(share, signed) {
  const color = share < 0 ? "var(--st-orange-color)" : signed ? "var(--st-blue-color)" : "var(--st-gray-color)";
  return (strength) => `color-mix(in srgb, ${color} ${Math.round(Math.abs(share) * strength)}%, transparent)`;
}

function stepNumber(step, data, veto) {
  if (!data.trace_id) return element("div", "number", step.number);
  const button = element("button", "number", step.vetoed ? "✕ " + step.number : step.number);
  button.title = step.vetoed
    ? `Step ${step.number} is vetoed: it stays in the trace and leaves the loss. Click to let it back in.`
    : `Veto step ${step.number}: it stays in the trace and leaves the loss.`;
  button.onclick = () => veto(step.span);
  return button;
}

// Tokens stand side by side; a search may find what lies across several. What cannot be seen has a sign from the style.
function appendTokens(parent, step, data) {
  const marks = marksIn(step.text, data.highlights);
  let start = 0;
  for (const token of step.tokens) {
    const stop = start + token.text.length;
    const span = parent.appendChild(element("span", "token"));
    if (!token.text) span.classList.add("end");
    else if (/^\s*\n\s*$/.test(token.text)) span.classList.add("break");
    if (token.title) {
      span.title = token.title;
      span.style.background = tint(token.share, data.signed)(60);
    }
    appendPiece(span, step.text, start, stop, marks);
    start = stop;
  }
}

function stepRow(step, data, veto) {
  const row = element("div", step.vetoed ? "step vetoed" : "step");
  if (data.numbered) row.append(stepNumber(step, data, veto));
  if (data.measured) {
    row.append(element("div", "value", step.label));
    row.title = step.title;
    if (step.share !== null) {
      if (data.signed) row.classList.add(step.share < 0 ? "harmful" : "helpful");
      const color = tint(step.share, data.signed);
      if (!step.tokens.length) row.style.background = color(30);
      row.style.borderLeftColor = color(100);
    }
  }
  const text = row.appendChild(element("div", "text"));
  if (step.tokens.length) appendTokens(text, step, data);
  else appendText(text, step.text, data.highlights);
  return row;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const veto = (span) => setTriggerValue("veto", [data.trace_id, ...span]);
  const steps = element("div", data.measured ? "steps" : data.numbered ? "steps plain" : "steps bare");
  for (const step of data.steps) steps.append(stepRow(step, data, veto));
  parentElement.querySelector(".root").replaceChildren(steps);
}
