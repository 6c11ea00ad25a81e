(function () {
  "use strict";
  // Comfort only: without scripts the static pictures stand. Names reach the page as canvas text and text nodes alone.
  var ROW = 17, LEAST = 0.4, CALLERS = 30, FONT = "11px Verdana, DejaVu Sans, sans-serif";
  if (!window.DecompressionStream || !window.Response) return;

  function unpacked(id) {
    var text = atob(document.getElementById(id).textContent.trim()), bytes = new Uint8Array(text.length);
    for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function summed(after) {
    var out = new Float64Array(after.length), sum = 0;
    for (var i = 0; i < after.length; i++) out[i] = sum += after[i];
    return out;
  }

  // Positions instead of distances to callers, and how deep each frame is.
  function grown(tree) {
    var n = tree.back.length, parent = new Int32Array(n), depth = new Int32Array(n);
    for (var i = 1; i < n; i++) { parent[i] = i - tree.back[i]; depth[i] = depth[parent[i]] + 1; }
    return { parent: parent, depth: depth, name: Int32Array.from(tree.name) };
  }

  // The same stacks from their leaves: who called what the time was spent in. Open addressing, for millions of frames.
  function turned(tree, leaves) {
    var parent = [0], name = [0], depth = [0], leaf = new Int32Array(leaves.length);
    var mask = (1 << 16) - 1, table = new Int32Array(mask + 1);
    function slot(at, wanted) {
      var h = (Math.imul(at, 0x9e3779b1) ^ Math.imul(wanted, 0x85ebca6b)) >>> 0;
      for (h = (h ^ (h >>> 15)) & mask; table[h] && (parent[table[h]] !== at || name[table[h]] !== wanted);) h = (h + 1) & mask;
      return h;
    }
    for (var k = 0; k < leaves.length; k++) {
      var at = 0;
      for (var i = leaves[k]; i && depth[at] < CALLERS; i = tree.parent[i]) {
        var place = slot(at, tree.name[i]);
        if (!table[place]) {
          table[place] = parent.length;
          parent.push(at); name.push(tree.name[i]); depth.push(depth[at] + 1);
          if (parent.length * 2 > mask) {
            mask = mask * 2 + 1;
            table = new Int32Array(mask + 1);
            for (var n = 1; n < parent.length; n++) table[slot(parent[n], name[n])] = n;
            place = slot(at, tree.name[i]);
          }
        }
        at = table[place];
      }
      leaf[k] = at;
    }
    return { tree: { parent: Int32Array.from(parent), name: Int32Array.from(name), depth: Int32Array.from(depth) }, leaf: leaf };
  }

  function element(tag, properties, children) {
    var made = document.createElement(tag);
    Object.assign(made, properties);
    (children || []).forEach(function (child) { made.append(child); });
    return made;
  }

  function hue(name) {
    var head = name.replace(/^(task|drop|blocking) /, "").split("::")[0], hash = 0;
    for (var i = 0; i < head.length; i++) hash = (hash * 31 + head.charCodeAt(i)) | 0;
    return Math.abs(hash) % 360;
  }

  function Viewer(host) {
    var self = this, began = performance.now();
    this.host = host;
    this.late = (host.dataset.late || "").split(" ").filter(Boolean).map(Number);
    this.from = 0; this.to = Infinity; this.zoom = 0; this.walked = 0; this.rows = [];
    unpacked(host.dataset.samples).then(function (data) {
      self.data = data;
      self.trees = data.trees.map(grown);
      self.leaves = data.kinds.leaf.map(function (leaf) { return Int32Array.from(leaf); });
      self.times = summed(data.taken.after_us);
      self.hues = data.names.map(hue);
      self.matched = new Uint8Array(data.names.length);
      self.controls();
      self.count();
      host.hidden = false;
      self.draw();
      host.dataset.ready = String(Math.round(performance.now() - began));
      // The heat map talks to us by events, and to nobody else.
      host.addEventListener("pick", function (event) { self.window(event.detail[0], event.detail[1], event.detail[2]); });
      host.dispatchEvent(new CustomEvent("ready", { detail: { times: self.times, operations: data.operations, every: data.every } }));
      var still = document.getElementById(host.dataset.still);
      if (still) still.hidden = true;
    }).catch(function () { /* The static picture stands. */ });
  }

  Viewer.prototype.controls = function () {
    var self = this, again = function () { self.count(); self.draw(); }, host = this.host;
    this.search = element("input", { type: "search", placeholder: "find a function", ariaLabel: "find a function" });
    this.search.oninput = function () { self.find(); self.draw(); };
    this.turn = element("select", { ariaLabel: "direction" }, ["flames", "icicles", "callers of leaves"].map(function (words, at) {
      return element("option", { value: String(at), textContent: words });
    }));
    this.fold = element("input", { type: "checkbox", checked: true });
    this.only = element("input", { type: "checkbox" });
    this.tag = element("select", { ariaLabel: "thread or label" });
    var counts = new Map();
    this.data.tags.forEach(function (tags) {
      Object.keys(tags).forEach(function (key) { counts.set(key + "=" + tags[key], [key, tags[key]]); });
    });
    this.choices = [null].concat(Array.from(counts.values()));
    this.choices.forEach(function (choice, at) {
      self.tag.append(element("option", { value: String(at), textContent: choice ? choice.join(" = ") : "all threads" }));
    });
    var reset = element("button", { type: "button", textContent: "whole" });
    reset.onclick = function () { self.window(0, Infinity); };
    this.turn.onchange = this.fold.onchange = this.tag.onchange = this.only.onchange = function () { self.zoom = 0; again(); };
    this.status = element("p", { className: "sub status" });
    this.details = element("p", { className: "details" });
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", "flamegraph: arrows walk from frame to frame, Enter zooms, Escape goes back");
    this.status.setAttribute("aria-live", "polite"); this.details.setAttribute("aria-live", "polite");
    var bar = element("div", { className: "bar" }, [this.search, this.turn,
      element("label", {}, [this.fold, " fold tasks and runtime"]), this.tag]);
    if (this.late.length) bar.append(element("label", {}, [this.only, " only while late"]));
    bar.append(reset);
    host.append(bar, this.status, element("div", { className: "stage" }, [this.canvas]), this.details);
    this.canvas.onmousemove = function (event) { self.point(event); };
    this.canvas.onmouseleave = function () { self.tell(self.walked); };
    this.canvas.onclick = function (event) {
      var at = self.at(event);
      if (at >= 0) { self.zoom = at; self.layout(); self.draw(); }
    };
    this.canvas.onkeydown = function (event) { self.key(event); };
    this.canvas.onblur = function () { self.walked = 0; self.draw(); };
    new ResizeObserver(function () { self.draw(); }).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () { self.draw(); });
  };

  // Shows what was sampled from one second to another; whoever picked it by keyboard goes on in the picture.
  Viewer.prototype.window = function (from, to, focus) {
    this.from = from; this.to = to; this.zoom = 0;
    this.count(); this.draw();
    this.host.dispatchEvent(new CustomEvent("window", { detail: [from, to] }));
    if (focus) {
      this.host.scrollIntoView({ block: "nearest" });
      this.canvas.focus({ preventScroll: true });
    }
  };

  // By keyboard: to callers and called, to neighbours, in and back out.
  Viewer.prototype.key = function (event) {
    var tree = this.tree, at = this.walked, key = event.key, self = this;
    var out = this.upside ? "ArrowUp" : "ArrowDown", into = this.upside ? "ArrowDown" : "ArrowUp";
    if ([out, into, "ArrowLeft", "ArrowRight", "Enter", "Escape"].indexOf(key) < 0) return;
    event.preventDefault();
    var drawn = [];
    this.rows.forEach(function (row) { for (var r = 2; row && r < row.length; r += 3) drawn.push(row[r]); });
    var children = function (of) { return drawn.filter(function (one) { return tree.parent[one] === of; }); };
    if (key === "Escape") {
      if (this.zoom) this.zoom = 0;
      else if (this.to !== Infinity) { this.window(0, Infinity); this.host.dispatchEvent(new CustomEvent("back")); return; }
    } else if (key === "Enter") this.zoom = at || this.zoom;
    else if (!at) at = children(tree.parent[this.zoom])[0] || drawn[0] || 0;
    else if (key === out) at = tree.parent[at] || at;
    else if (key === into) at = children(at).sort(function (a, b) { return self.total[b] - self.total[a]; })[0] || at;
    else {
      var row = children(tree.parent[at]), next = row[row.indexOf(at) + (key === "ArrowLeft" ? -1 : 1)];
      at = next || at;
    }
    this.walked = at;
    this.layout(); this.draw();
    if (at && !this.found) this.tell(at);
    var stage = this.canvas.parentNode, y = this.top(tree.depth[at] - 1);
    if (at && (y < stage.scrollTop || y + ROW > stage.scrollTop + stage.clientHeight)) stage.scrollTop = y - stage.clientHeight / 2;
  };

  // Where a row is drawn, pixels.
  Viewer.prototype.top = function (row) { return this.upside ? row * ROW : this.height - (row + 1) * ROW; };

  // Adds up what counts at present.
  Viewer.prototype.count = function () {
    var data = this.data, kinds = data.kinds, way = this.fold.checked || this.trees.length < 2 ? 0 : 1;
    var choice = this.choices[Number(this.tag.value)], weights = new Float64Array(kinds.tag.length), all = 0;
    var allowed = data.tags.map(function (tags) { return !choice || tags[choice[0]] === choice[1]; });
    for (var i = 0, span = 0; i < this.times.length; i++) {
      var at = this.times[i] * 1e-6;
      if (at < this.from || at >= this.to || !allowed[kinds.tag[data.taken.kind[i]]]) continue;
      if (this.only.checked) {
        while (span < this.late.length && this.late[span + 1] <= at) span += 2;
        if (span >= this.late.length) break;
        if (at < this.late[span]) continue;
      }
      weights[data.taken.kind[i]]++; all++;
    }
    var tree = this.trees[way], leaves = this.leaves[way];
    if (this.turn.value === "2") {
      this.turned = this.turned || [];
      var made = this.turned[way] = this.turned[way] || turned(tree, leaves);
      tree = made.tree; leaves = made.leaf;
    }
    var total = new Float64Array(tree.parent.length);
    for (var k = 0; k < weights.length; k++) total[leaves[k]] += weights[k];
    for (var n = total.length - 1; n > 0; n--) total[tree.parent[n]] += total[n];
    if (this.tree !== tree) this.walked = 0;
    this.tree = tree; this.total = total; this.all = all;
    this.layout(); this.find();
    var span_s = this.to === Infinity ? this.data.wall_s : this.to - this.from;
    var when = this.to === Infinity ? "the whole recording" : this.from.toFixed(3) + " s to " + this.to.toFixed(3) + " s";
    this.status.textContent = all + " samples, " + (all * data.every * data.period_s).toFixed(3) + " s of CPU in " + when
      + " (" + (all * data.every * data.period_s / span_s).toFixed(2) + " CPUs)";
  };

  // Left edges in samples; frames come after their callers.
  Viewer.prototype.layout = function () {
    var tree = this.tree, total = this.total, x = this.x = new Float64Array(total.length), next = new Float64Array(total.length);
    this.deepest = 0;
    for (var i = 1; i < total.length; i++) {
      var p = tree.parent[i];
      x[i] = x[p] + next[p]; next[p] += total[i];
    }
    if (this.zoom >= total.length || !total[this.zoom]) this.zoom = 0;
  };

  Viewer.prototype.find = function () {
    var wanted = this.search.value.toLowerCase(), names = this.data.names, i;
    for (i = 0; i < names.length; i++) this.matched[i] = wanted && names[i].toLowerCase().indexOf(wanted) >= 0 ? 1 : 0;
    this.share = 0;
    if (!wanted) return;
    // Whoever is called by a match is in it already.
    var tree = this.tree, inside = new Uint8Array(this.total.length);
    for (i = 1; i < inside.length; i++) {
      var above = inside[tree.parent[i]];
      inside[i] = above || this.matched[tree.name[i]];
      if (inside[i] && !above) this.share += this.total[i];
    }
  };

  Viewer.prototype.draw = function () {
    if (!this.total || this.host.hidden) return;
    var tree = this.tree, total = this.total, x = this.x, zoom = this.zoom, all = total[zoom] || 1;
    var width = this.canvas.parentNode.clientWidth, scale = width / all, left = x[zoom], right = left + all;
    var rows = [], i, deepest = 0, path = new Uint8Array(total.length);
    for (i = zoom; i; i = tree.parent[i]) path[i] = 1;
    for (i = 1; i < total.length; i++) {
      if (!total[i] || (!path[i] && (x[i] < left || x[i] >= right || tree.depth[i] <= tree.depth[zoom]))) continue;
      var from = path[i] ? 0 : (x[i] - left) * scale, wide = path[i] ? width : total[i] * scale;
      if (wide < LEAST) continue;
      var d = tree.depth[i] - 1;
      (rows[d] = rows[d] || []).push(from, from + wide, i);
      if (d > deepest) deepest = d;
    }
    this.rows = rows; this.upside = this.turn.value !== "0";
    var height = this.height = (deepest + 1) * ROW, dense = window.devicePixelRatio || 1, canvas = this.canvas;
    canvas.width = width * dense; canvas.height = height * dense;
    canvas.style.width = width + "px"; canvas.style.height = height + "px";
    var pen = canvas.getContext("2d"), dark = matchMedia("(prefers-color-scheme: dark)").matches;
    pen.scale(dense, dense); pen.font = FONT; pen.textBaseline = "middle";
    for (var row = 0; row < rows.length; row++) {
      var drawn = rows[row] || [], y = this.top(row);
      for (var r = 0; r < drawn.length; r += 3) {
        var name = tree.name[drawn[r + 2]], wide2 = drawn[r + 1] - drawn[r];
        pen.fillStyle = this.matched[name] ? (dark ? "#b14bd6" : "#d98cf0")
          : "hsl(" + this.hues[name] + (dark ? ",32%,34%)" : ",58%,79%)");
        pen.fillRect(drawn[r], y, Math.max(wide2 - 0.5, 0.3), ROW - 1);
        if (wide2 > 28) this.label(pen, this.data.names[name], drawn[r] + 3, y + ROW / 2, wide2 - 6, dark);
        if (drawn[r + 2] === this.walked) {
          pen.strokeStyle = dark ? "#fff" : "#000"; pen.lineWidth = 2;
          pen.strokeRect(drawn[r] + 1, y + 1, Math.max(wide2 - 2, 1), ROW - 3);
        }
      }
    }
    if (!this.host.dataset.seen && !this.upside) {
      this.host.dataset.seen = "1";
      canvas.parentNode.scrollTop = height;
    }
    this.found = this.search.value ? Math.round(1000 * this.share / (total[0] || 1)) / 10 + " % is in what was found" : "";
    this.details.textContent = this.found || "\u00a0";
  };

  Viewer.prototype.label = function (pen, name, x, y, room, dark) {
    pen.fillStyle = dark ? "#e4e7eb" : "#1c2024";
    var letters = Math.floor(room / 6.4);
    if (letters < 3) return;
    // Ends of paths tell more than their beginnings; marks that turn text around are shown as such.
    var shown = name.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, "\ufffd");
    pen.fillText(shown.length > letters ? "\u2026" + shown.slice(shown.length - letters + 1) : shown, x, y, room);
  };

  Viewer.prototype.at = function (event) {
    var box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    var row = Math.floor((this.upside ? y : this.height - y) / ROW), drawn = this.rows[row] || [];
    for (var r = 0; r < drawn.length; r += 3) if (x >= drawn[r] && x < drawn[r + 1]) return drawn[r + 2];
    return -1;
  };

  Viewer.prototype.point = function (event) {
    var at = this.at(event);
    if (at >= 0) this.tell(at);
  };

  Viewer.prototype.tell = function (at) {
    if (!at) { this.details.textContent = this.found || "\u00a0"; return; }
    var value = this.total[at], data = this.data;
    this.details.textContent = data.names[this.tree.name[at]] + ": " + value + " samples, "
      + (value * data.every * data.period_s * 1e3).toFixed(1) + " ms, " + (100 * value / (this.all || 1)).toFixed(1) + " %";
  };

  document.querySelectorAll(".viewer").forEach(function (host) {
    var made = false;
    function make() { if (!made) { made = true; new Viewer(host); } }
    // Unpacking takes a moment: not before somebody comes near it, or near its heat map.
    var maps = Array.from(document.querySelectorAll(".heat-of")).filter(function (figure) { return figure.dataset.viewer === host.id; });
    if (window.IntersectionObserver) {
      var near = new IntersectionObserver(function (seen) { if (seen.some(function (one) { return one.isIntersecting; })) make(); }, { rootMargin: "600px" });
      [host.previousElementSibling || host].concat(maps).forEach(function (one) { near.observe(one); });
    } else make();
  });
})();
