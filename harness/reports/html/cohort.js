// Comfort only: the page says everything without it. Sorts and filters rows that are there, compares two candidates by
// the data beside it. Writes text and never markup; reads no layout, so that each click costs one.
"use strict";
(() => {
  const words = new Intl.Collator("en", { numeric: true });

  const sortable = (table) => {
    const body = table.tBodies[0];
    const headings = [...table.tHead.rows[0].cells];
    const value = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();
    const sort = (place, kind, down) => {
      const keyed = [...body.rows].map((row) => [value(row, place), row]);
      const compare = kind === "number" ? (a, b) => Number(a) - Number(b) : words.compare;
      keyed.sort(([a], [b]) => {
        // What has no value is last, whichever way.
        if (a === "" || b === "") return Number(a === "") - Number(b === "");
        return down ? compare(b, a) : compare(a, b);
      });
      body.append(...keyed.map(([, row]) => row));
    };
    headings.forEach((heading, place) => {
      const kind = heading.dataset.sort;
      if (!kind) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const now = heading.getAttribute("aria-sort");
        // Numbers begin with the largest, words with the first.
        const down = now ? now === "ascending" : kind === "number";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(place, kind, down);
      });
    });
  };

  const filterable = (tools) => {
    const rows = [...document.getElementById(tools.dataset.table).tBodies[0].rows];
    const controls = [...tools.querySelectorAll("[data-filter]")];
    const said = tools.querySelector("output");
    const holds = {
      name: (row, wanted) => row.dataset.name.includes(wanted.toLowerCase()),
      verdict: (row, wanted) => row.dataset.verdict === wanted,
      language: (row, wanted) => row.dataset.language === wanted,
      gate: (row, wanted) => (wanted === "-" ? row.dataset.gate === "" : row.dataset.gate.split(" ").includes(wanted)),
    };
    const apply = () => {
      const wanted = controls.filter((one) => one.value !== "").map((one) => [one.dataset.filter, one.value]);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !wanted.every(([name, text]) => holds[name](row, text));
        shown += Number(!row.hidden);
      }
      said.textContent = wanted.length ? `${shown} of ${rows.length} shown` : `${rows.length} shown`;
    };
    tools.addEventListener("input", apply);
    tools.hidden = false;
    apply();
  };

  const comparable = (tools) => {
    const data = JSON.parse(document.getElementById(tools.dataset.of).textContent);
    const chosen = [...tools.querySelectorAll("select")];
    const said = tools.querySelector("output");
    const table = tools.querySelector("table");
    const line = (name, cells) => {
      const row = document.createElement("tr");
      const heading = document.createElement("th");
      heading.scope = "row";
      heading.textContent = name;
      row.append(heading, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    };
    const apply = () => {
      const [one, other] = chosen.map((list) => data.candidates[list.value]);
      const pairs = [
        ...one.facts.map(([name, text], n) => [name, text, other.facts[n][1]]),
        ...data.skills.map((name, n) => [name, one.skills[n], other.skills[n]]),
        ...data.checks.map((name, n) => [name, one.checks[n], other.checks[n]]),
      ];
      const unlike = pairs.filter(([, a, b]) => a !== b);
      const [, first, second] = table.tHead.rows[0].cells;
      first.textContent = one.name;
      second.textContent = other.name;
      table.tBodies[0].replaceChildren(...unlike.map(([name, ...cells]) => line(name, cells)));
      const checks = data.checks.filter((_, n) => one.checks[n] !== other.checks[n]).length;
      said.textContent = `${checks} of ${data.checks.length} checks differ`;
    };
    tools.addEventListener("change", apply);
    tools.hidden = false;
    apply();
  };

  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll(".filters").forEach(filterable);
  document.querySelectorAll(".compare").forEach(comparable);
})();
