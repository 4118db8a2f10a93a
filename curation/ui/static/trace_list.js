// Traces as rows: rank, verdict, scores as small bars, first words. A click or Enter on a row chooses its trace.
function scoreCell(score) {
  const cell = element("td", "score");
  cell.title = score.title;
  cell.append(element("div", "", score.label));
  if (score.share === null) return cell;
  const bar = cell.appendChild(element("div", "bar"));
  const fill = bar.appendChild(element("div", "fill"));
  const width = Math.abs(score.share) * (score.signed ? 50 : 100);
  fill.style.width = width + "%";
  fill.style.left = !score.signed ? "0" : score.share < 0 ? 50 - width + "%" : "50%";
  const color = !score.signed ? "gray" : score.share < 0 ? "orange" : "blue";
  fill.style.background = `var(--st-${color}-color)`;
  if (score.signed) bar.append(element("div", "zero"));
  return cell;
}

function textCell(first, second, highlights) {
  const cell = element("td", "text");
  appendText(cell.appendChild(element("div", "line")), first, highlights);
  if (second) appendText(cell.appendChild(element("div", "line second")), second, highlights);
  return cell;
}

function traceRow(trace, data, choose) {
  const row = element("tr", `trace ${trace.verdict}`);
  row.dataset.trace = trace.id;
  row.tabIndex = 0;
  if (trace.id === data.chosen) row.classList.add("chosen");
  row.append(element("td", "rank", trace.rank));
  const verdict = row.appendChild(element("td", "verdict", trace.mark));
  verdict.title = trace.verdict;
  for (const score of trace.scores) row.append(scoreCell(score));
  row.append(textCell(trace.prompt, trace.response, data.highlights));
  if (data.show_source) row.append(textCell(trace.source, trace.tokens, []));
  row.onclick = () => choose(trace.id);
  row.onkeydown = (event) => { if (event.key === "Enter") choose(trace.id); };
  return row;
}

function header(data) {
  const row = element("tr", "head");
  row.append(element("th", "rank", data.rank_title), element("th", "verdict", ""));
  const narrow = data.score_titles.length > 1;
  for (const title of data.score_titles) {
    const cell = row.appendChild(element("th", "score"));
    cell.title = title;
    for (const part of narrow ? title.split("/") : [title]) cell.append(element("div", "part", part));
  }
  row.append(element("th", "text", data.text_title));
  if (data.show_source) row.append(element("th", "source", "Source, tokens"));
  return row;
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const table = element("table", "list");
  table.classList.toggle("scrolls", data.scrolls);
  // With several scores the words have a line of their own below them.
  table.classList.toggle("dense", data.score_titles.length > 1);
  table.classList.toggle("stacked", data.score_titles.length > 2);
  table.style.setProperty("--scores", data.score_titles.length);
  table.append(header(data));
  const choose = (id) => setTriggerValue("chosen", id);
  for (const trace of data.traces) table.append(traceRow(trace, data, choose));
  const root = parentElement.querySelector(".root");
  root.replaceChildren(table);
  if (!data.scrolls || root.dataset.chosen === data.chosen) return;
  root.dataset.chosen = data.chosen;
  root.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  document.querySelector(".st-key-reader")?.scrollTo(0, 0);
}
