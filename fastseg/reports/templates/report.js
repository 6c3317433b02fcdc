(() => {
  "use strict";
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const DataTable = window.fastsegDataTable;

  // ---- theme
  const root = document.documentElement;
  const button = $("#theme");
  const showTheme = () => {
    const dark = root.dataset.theme === "dark";
    root.classList.toggle("dark", dark);
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${dark ? "light" : "dark"} theme`);
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("fastseg-theme", root.dataset.theme); } catch { /* kept for this visit */ }
    showTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    root.dataset.theme = event.matches ? "dark" : "light";
    showTheme();
  });
  showTheme();

  // ---- numbers
  const infinite = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  const valueOf = (held) => (typeof held === "string" ? infinite[held] : held);
  const text = (held) => {
    const value = valueOf(held);
    if (Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    return String(Number(value.toPrecision(4))).replace("-", "−");
  };
  // undefined values come last, whichever way a column is sorted by the numbers that there are
  const sortable = (held) => {
    const value = valueOf(held);
    return Number.isNaN(value) ? -1e308 : Math.max(-1e300, Math.min(1e300, value));
  };
  const escapeHtml = (string) => {
    const box = document.createElement("span");
    box.textContent = string;
    return box.innerHTML;
  };

  // ---- rows
  const name = (column, i) => (data[column] ? data[column].names[data[column].codes[i]] : "");
  const rows = data.case.codes.map((_, i) => i);
  const address = (caseName) => `#case=${encodeURIComponent(caseName)}`;
  const columns = [
    {
      key: "case", title: "Case",
      render: (i, type) => type === "display"
        ? `<a href="${escapeHtml(address(name("case", i)))}">${escapeHtml(name("case", i))}</a>` : name("case", i),
    },
  ];
  const plain = (key, title) => columns.push({
    key, title,
    render: (i, type) => (type === "display" ? escapeHtml(name(key, i)) : name(key, i)),
  });
  if (data.named) plain("algorithm", "Algorithm");
  plain("task", "Structure");
  data.names.forEach((metric, k) => columns.push({
    key: `metric-${k}`,
    title: metric + (data.units[metric] ? ` (${data.units[metric]})` : ""),
    className: "number", type: "num",
    // the first click shows the worst
    sequence: data.larger[metric] === false ? ["desc", "asc", ""] : ["asc", "desc", ""],
    render: (i, type) => {
      const held = data.metrics[k][i];
      return type === "sort" || type === "type" ? sortable(held) : text(held);
    },
  }));
  if (data.empty) plain("empty", "Empty");
  if (data.flags) columns.push({
    key: "flags", title: "Flags",
    render: (i, type) => {
      const held = name("flags", i);
      if (type !== "display" || !held) return held;
      return held.split(" ").map((one) => {
        const known = data.flagNames[one.split("=")[0]];
        return `<span class="flag"${known ? ` title="${escapeHtml(known).replaceAll('"', "&quot;")}"` : ""}>${escapeHtml(one)}</span>`;
      }).join(" ");
    },
  });
  const language = {
    search: "Search", lengthMenu: "_MENU_ rows a page", emptyTable: "There are no rows.",
    info: "_START_ to _END_ of _TOTAL_ rows", infoEmpty: "no rows", infoFiltered: "(of _MAX_)",
    zeroRecords: "No row is like this.",
  };
  DataTable.ext.errMode = "throw";
  const table = new DataTable("#rows-table", {
    data: rows,
    columns: columns.map((column) => ({
      title: escapeHtml(column.title), className: column.className, type: column.type,
      orderSequence: column.sequence || ["asc", "desc", ""],
      data: null, render: (i, type) => column.render(i, type),
    })),
    order: [], pageLength: 25, lengthMenu: [10, 25, 50, 100, 500], deferRender: true, autoWidth: false,
    language, layout: { topStart: "pageLength", topEnd: "search", bottomStart: "info", bottomEnd: "paging" },
  });
  $$("#rows-table thead th").forEach((heading) => { heading.scope = "col"; });
  const filters = $("#rows-filters");
  const addFilter = (key, title, names, match) => {
    const place = columns.findIndex((column) => column.key === key);
    if (place < 0 || names.length < 2) return;
    const label = document.createElement("label");
    label.textContent = `${title} `;
    const select = document.createElement("select");
    select.dataset.filter = key;
    select.append(new Option("all", ""), ...names.map((one) => new Option(one || "none", one || " ")));
    select.addEventListener("change", () => {
      const wanted = select.value;
      table.column(place).search(wanted === "" ? "" : (held) => match(held, wanted.trim())).draw();
    });
    label.append(select);
    filters.append(label);
  };
  const equal = (held, wanted) => held === wanted;
  const sorted = (names) => [...names].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  if (data.named) addFilter("algorithm", "Algorithm", sorted(data.algorithm.names), equal);
  addFilter("task", "Structure", sorted(data.task.names), equal);
  if (data.empty) addFilter("empty", "Empty", sorted(data.empty.names), equal);
  if (data.flags) {
    const known = new Set(data.flags.names.flatMap((held) => held.split(" ").map((one) => one.split("=")[0])));
    known.delete("");
    addFilter("flags", "Flag", ["", ...sorted(known)], (held, wanted) => wanted === ""
      ? held === "" : held.split(" ").some((one) => one.split("=")[0] === wanted));
  }
  // smaller tables are in the page already
  const others = $$("table.sortable").map((element) => {
    const long = element.tBodies[0].rows.length > 25;
    return new DataTable(element, {
      order: [], paging: long, pageLength: 25, searching: long, info: long, autoWidth: false, language,
      layout: { topStart: long ? "pageLength" : null, topEnd: long ? "search" : null,
        bottomStart: long ? "info" : null, bottomEnd: long ? "paging" : null },
    });
  });

  // ---- one case, by the address
  const section = $("#case");
  const showCase = () => {
    const match = /^#case=(.*)$/.exec(location.hash);
    if (!match) { section.hidden = true; return; }
    let wanted = match[1];
    try { wanted = decodeURIComponent(wanted); } catch { /* as it stands */ }
    const code = data.case.names.indexOf(wanted);
    const own = rows.filter((i) => data.case.codes[i] === code);
    const body = $("#case-body");
    body.replaceChildren();
    $("#case-name").textContent = wanted;
    $("#case-none").hidden = own.length > 0;
    $("#case-table").hidden = own.length === 0;
    for (const i of own) {
      const row = document.createElement("tr");
      columns.slice(1).forEach((column) => {
        const cell = document.createElement(column.key === "task" ? "th" : "td");
        if (column.key === "task") cell.scope = "row";
        if (column.className) cell.className = column.className;
        cell.innerHTML = column.render(i, "display");
        row.append(cell);
      });
      body.append(row);
    }
    const pictures = $("#case-pictures");
    pictures.replaceChildren(...$$("#worst article").filter((card) => card.dataset.case === wanted).map((card) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `#${card.id}`;
      link.textContent = $("h3", card).textContent.trim();
      item.append(link);
      return item;
    }));
    section.hidden = false;
    $("#case-heading").focus();
    section.scrollIntoView();
  };
  const head = $("#case-head");
  columns.slice(1).forEach((column) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = column.title;
    if (column.className) cell.className = column.className;
    head.append(cell);
  });
  addEventListener("hashchange", showCase);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !section.hidden) { location.hash = "#rows"; $("#rows-heading").focus(); }
  });
  showCase();

  // ---- on paper everything is open, and all tables but that of rows are whole
  let lengths = [];
  addEventListener("beforeprint", () => {
    $$("details").forEach((one) => { one.open = true; });
    lengths = others.map((one) => one.page.len());
    others.forEach((one) => one.page.len(-1).draw());
  });
  addEventListener("afterprint", () => {
    others.forEach((one, k) => one.page.len(lengths[k] ?? 25).draw());
  });
  root.dataset.ready = "yes";
})();
