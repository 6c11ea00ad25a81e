(function () {
  "use strict";
  // Windows of time: picked in a heat map by mouse, finger or keyboard, or from the list of the longest. The viewer shows them.
  var HINT = "Drag over the picture, or tap a cell, to see what ran then. By keyboard: arrows move, with Shift they stretch, Enter shows, Escape clears.";

  function seconds(at) { return at.toFixed(3) + " s"; }

  // How many of ascending numbers are below one.
  function below(all, one) {
    var low = 0, high = all.length;
    while (low < high) { var middle = (low + high) >> 1; if (all[middle] < one) low = middle + 1; else high = middle; }
    return low;
  }

  function Heat(figure, host) {
    var self = this;
    this.host = host; this.picked = null; this.last = null;
    this.note = document.createElement("p");
    this.note.className = "sub"; this.note.textContent = HINT;
    this.note.setAttribute("aria-live", "polite");
    figure.append(this.note);
    this.maps = Array.from(figure.querySelectorAll("svg.heatmap")).map(function (svg) { return new Picture(svg, self); });
    host.addEventListener("ready", function (event) { self.ready(event.detail); });
    host.addEventListener("window", function (event) {
      self.picked = event.detail[1] === Infinity ? null : event.detail;
      self.maps.forEach(function (map) { map.mark("picked", self.picked); });
      self.tell(self.picked);
    });
    host.addEventListener("back", function () { if (self.last) { self.last.focus(); self.last.scrollIntoView({ block: "nearest" }); } });
  }

  Heat.prototype.ready = function (data) {
    this.data = data;
    this.due = [];
    for (var i = 0, at = 0, after = data.operations ? data.operations.after_us : []; i < after.length; i++) this.due.push(at += after[i]);
    this.maps.forEach(function (map) { map.listen(); });
    var article = this.host.ownerDocument.getElementById(this.host.id.replace("viewer-", "breach-")), self = this;
    if (!article) return;
    article.querySelectorAll("[data-from]").forEach(function (line) {
      var button = document.createElement("button");
      button.type = "button"; button.className = "window"; button.textContent = line.textContent;
      button.onclick = function () { self.last = button; self.pick(Number(line.dataset.from), Number(line.dataset.to), true); };
      line.textContent = ""; line.append(button);
    });
  };

  Heat.prototype.pick = function (from, to, focus) {
    this.host.dispatchEvent(new CustomEvent("pick", { detail: [from, to, focus] }));
  };

  // What is in a window, in words.
  Heat.prototype.tell = function (span) {
    if (!span || !this.data) { this.note.textContent = HINT; return; }
    var from = span[0] * 1e6, to = span[1] * 1e6, samples = below(this.data.times, to) - below(this.data.times, from), worst = 0;
    for (var i = below(this.due, from); i < this.due.length && this.due[i] < to; i++) worst = Math.max(worst, this.data.operations.took_us[i]);
    this.note.textContent = seconds(span[0]) + " to " + seconds(span[1]) + ": " + samples * this.data.every + " samples"
      + (worst ? ", the worst operation due then took " + (worst / 1000).toFixed(worst < 10000 ? 2 : 0) + " ms" : "");
  };

  // One drawing of the map: cells are numbered column by column, from the bottom up, in the order of time.
  function Picture(svg, heat) {
    var cells = svg.querySelector(".cells"), set = cells.dataset;
    this.svg = svg; this.heat = heat; this.cells = cells;
    this.left = Number(set.left); this.tops = set.tops.split(" ").map(Number);
    this.width = Number(set.width); this.height = Number(set.height);
    this.columns = Number(set.columns); this.rows = Number(set.rows); this.column = Number(set.column);
    this.anchor = this.head = -1;
  }

  Picture.prototype.span = function (one, other) {
    return [Math.min(one, other) / this.rows * this.column, (Math.max(one, other) + 1) / this.rows * this.column];
  };

  Picture.prototype.at = function (event) {
    var box = this.svg.getBoundingClientRect(), factor = this.svg.viewBox.baseVal.width / box.width;
    var x = (event.clientX - box.left) * factor - this.left, y = (event.clientY - box.top) * factor;
    var top = this.tops.filter(function (top) { return y >= top - 4; }).pop();
    if (top === undefined || x < 0) return -1;
    var row = this.rows - 1 - Math.floor((y - top) / this.height);
    return Math.min(this.columns - 1, Math.floor(x / this.width)) * this.rows + Math.max(0, Math.min(this.rows - 1, row));
  };

  // Draws around the cells of a window; nothing where there is none.
  Picture.prototype.mark = function (name, span) {
    this.cells.querySelectorAll("." + name).forEach(function (one) { one.remove(); });
    if (!span) return;
    var self = this, rows = this.rows, last = this.columns * rows - 1;
    var a = Math.max(0, Math.floor(span[0] / this.column * rows + 1e-6)), b = Math.min(last, Math.max(a, Math.ceil(span[1] / this.column * rows - 1e-6) - 1));
    for (var c = Math.floor(a / rows); c <= Math.floor(b / rows); c++) {
      var low = c === Math.floor(a / rows) ? a % rows : 0, high = c === Math.floor(b / rows) ? b % rows : rows - 1;
      this.tops.forEach(function (top) {
        var rect = document.createElementNS(self.svg.namespaceURI, "rect");
        var set = { "class": name, x: self.left + c * self.width, y: top + (rows - 1 - high) * self.height, width: self.width, height: (high - low + 1) * self.height };
        Object.keys(set).forEach(function (key) { rect.setAttribute(key, set[key]); });
        self.cells.append(rect);
      });
    }
  };

  Picture.prototype.move = function (head, stretch) {
    this.head = Math.max(0, Math.min(this.columns * this.rows - 1, head));
    if (!stretch) this.anchor = this.head;
    var span = this.span(this.anchor, this.head);
    this.mark("cursor", span);
    this.heat.tell(span);
  };

  Picture.prototype.clear = function () {
    this.anchor = this.head = -1;
    this.mark("cursor", null);
    this.heat.tell(this.heat.picked);
  };

  Picture.prototype.show = function (focus) {
    var span = this.span(this.anchor, this.head);
    this.heat.last = this.svg;
    this.mark("cursor", null);
    this.heat.pick(span[0], span[1], focus);
  };

  Picture.prototype.listen = function () {
    var self = this, svg = this.svg, heat = this.heat, pressed = false;
    svg.classList.add("pickable");
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-label", svg.getAttribute("aria-label") + ". Arrows move from cell to cell, with Shift they stretch the window, Enter shows its flamegraph, Escape clears.");
    svg.onpointerdown = function (event) {
      var cell = self.at(event);
      pressed = cell >= 0;
      if (!pressed) return;
      if (svg.setPointerCapture) svg.setPointerCapture(event.pointerId);
      self.move(cell, event.shiftKey && self.anchor >= 0);
    };
    svg.onpointermove = function (event) {
      var cell = self.at(event);
      if (pressed && cell >= 0) self.move(cell, true);
    };
    svg.onpointerup = function () {
      if (!pressed) return;
      pressed = false;
      self.show(true);
    };
    // A finger that scrolls the page picks nothing.
    svg.onpointercancel = function () { pressed = false; self.clear(); };
    svg.onkeydown = function (event) {
      var steps = { ArrowUp: 1, ArrowDown: -1, ArrowRight: self.rows, ArrowLeft: -self.rows }, key = event.key;
      var start = heat.picked ? Math.floor(heat.picked[0] / self.column * self.rows + 1e-6) : 0;
      if (steps[key] !== undefined) self.move(self.head < 0 ? start : self.head + steps[key], event.shiftKey && self.anchor >= 0);
      else if (key === "Home") self.move(0, event.shiftKey && self.anchor >= 0);
      else if (key === "End") self.move(self.columns * self.rows - 1, event.shiftKey && self.anchor >= 0);
      else if ((key === "Enter" || key === " ") && self.head >= 0) self.show(true);
      else if (key === "Escape") { self.clear(); heat.last = svg; heat.pick(0, Infinity, false); }
      else return;
      event.preventDefault();
    };
  };

  document.querySelectorAll(".heat-of").forEach(function (figure) {
    var host = document.getElementById(figure.dataset.viewer);
    if (host) new Heat(figure, host);
  });
})();
