"use strict";
// The page of one person in the street: choose photos, send them, read what was found.
// Written for Chrome 70 (old Android WebViews): no optional chaining, for example.

const MAX_PHOTOS = 9; // defaults of the service, spared a wasted upload; the service has the last word
const MAX_PHOTO_BYTES = 15000000;

const ICONS = {
  problem: "M24 6l20 36H4zM24 19v11M24 36v.5",
  review: "M24 4a20 20 0 1 0 0 40a20 20 0 1 0 0-40M18 19a6 6 0 1 1 8.5 5.5c-1.7.8-2.5 2-2.5 4M24 35v.5",
  no_problem: "M24 4a20 20 0 1 0 0 40a20 20 0 1 0 0-40M15 24.5l6.5 6.5L33.5 18",
};

const byId = (id) => document.getElementById(id);

let language = remembered("language") === "en" ? "en" : "zh";
let texts = TEXTS[language];
let photos = []; // {file, url, bad}; bad: the service could not use it
let answer = null; // of the service, in `language`
let failure = null; // {code, title, detail}; words of our own where the service gave none
let names = {}; // key of a problem → {zh, en}
let request = null; // while one is under way

function remembered(name) {
  try {
    return localStorage.getItem("xuntu." + name) || "";
  } catch (error) { // storage is switched off
    return "";
  }
}

function remember(name, value) {
  try {
    localStorage.setItem("xuntu." + name, value);
  } catch (error) { // storage is switched off: it holds until the page is closed
  }
}

let key = remembered("key");

// ---- drawing ----

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function show(id, shown) {
  byId(id).hidden = !shown;
}

function thumb(photo) {
  const frame = element("div", "thumb");
  const image = element("img");
  image.alt = photo.file.name;
  image.src = photo.url;
  image.onerror = () => { // HEIC, mostly: the browser cannot show it, the service can read it
    image.remove();
    frame.appendChild(element("span", "", photo.file.name));
  };
  frame.appendChild(image);
  return frame;
}

function drawTexts() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = texts.title;
  document.querySelectorAll("[data-text]").forEach((node) => { node.textContent = texts[node.dataset.text]; });
  byId("language").textContent = texts.other;
  byId("language").lang = language === "zh" ? "en" : "zh-CN";
}

function drawPhotos() {
  const list = byId("photos");
  list.textContent = "";
  photos.forEach((photo, index) => {
    const item = element("li", photo.bad ? "bad" : "");
    item.appendChild(thumb(photo));
    const remove = element("button", "remove");
    remove.type = "button";
    remove.setAttribute("aria-label", texts.remove(index + 1));
    remove.onclick = () => { removePhoto(photo); };
    item.appendChild(remove);
    list.appendChild(item);
  });
  show("photos", photos.length > 0);
  show("send", photos.length > 0);
  byId("send").textContent = texts.send(photos.length);
}

// What is seen follows from the state alone.
function draw() {
  const state = request ? "sending" : failure ? failure.code === "unauthorized" ? "key" : "failure" : answer ? "result" : "choosing";
  show("choosing", state === "choosing");
  show("sending", state === "sending");
  show("key-form", state === "key");
  show("failure", state === "failure");
  show("result", state === "result");
  show("again", state === "result");
  byId("again").textContent = state === "result" && nothingSeen() ? texts.retake : texts.again;
  if (state === "choosing") drawPhotos();
  if (state === "failure") {
    byId("failure-title").textContent = failure.title || texts[failure.code + "Title"];
    byId("failure-detail").textContent = failure.detail || texts[failure.code];
    const again = !(failure.photo >= 0); // a bad photo stays bad
    show("retry", again);
    byId("change").className = again ? "button wide" : "button primary wide";
  }
  if (state === "result") drawResult();
}

function drawResult() {
  const result = byId("result");
  result.textContent = "";
  result.className = "card result " + answer.verdict;

  const verdict = element("div", "verdict");
  verdict.appendChild(icon(ICONS[answer.verdict]));
  const words = element("div");
  words.appendChild(element("h2", "", texts.verdicts[answer.verdict]));
  words.appendChild(element("p", "", nothingSeen() ? texts.nothingSeen : texts.explained[answer.verdict](answer.problems.length)));
  verdict.appendChild(words);
  result.appendChild(verdict);
  if (nothingSeen()) {
    const all = [].concat(...answer.photos.map((seen) => seen.quality.map(adviceOn)));
    all.filter((advice, index) => all.indexOf(advice) === index)
      .forEach((advice) => result.appendChild(element("p", "advice", advice)));
  }

  const found = element("ul", "found");
  answer.problems.forEach((problem) => {
    const item = element("li");
    item.appendChild(element("h3", "", nameOf(problem.key, problem.name)));
    item.appendChild(element("p", "code", problem.code ? standardName(problem.code.standard) + " · " + problem.code.code : texts.noCode));
    item.appendChild(scoreBar("", problem.score, true));
    found.appendChild(item);
  });
  result.appendChild(found);
  result.appendChild(photoResults());
  byId("model").textContent = texts.model + " " + answer.model.name + " " + answer.model.version;
}

function photoResults() {
  const details = element("details", "per-photo");
  details.open = photos.length > 1 || nothingSeen();
  details.appendChild(element("summary", "", photos.length > 1 ? texts.perPhoto : texts.scores));
  const list = element("ul");
  answer.photos.forEach((seen, index) => {
    const item = element("li");
    item.appendChild(thumb(photos[index]));
    const text = element("div", "photo-text");
    text.appendChild(element("p", "photo-verdict " + seen.verdict, texts.photo(index + 1) + " · " + texts.verdicts[seen.verdict]));
    seen.quality.forEach((issue) => text.appendChild(element("p", "photo-advice", adviceOn(issue))));
    Object.keys(seen.scores)
      .sort((one, other) => seen.scores[other] - seen.scores[one])
      .forEach((label) => text.appendChild(scoreBar(nameOf(label, label), seen.scores[label], seen.problems.indexOf(label) >= 0)));
    item.appendChild(text);
    list.appendChild(item);
  });
  details.appendChild(list);
  return details;
}

function scoreBar(name, score, over) {
  const percent = Math.round(score * 100) + "%";
  const row = element("div", over ? "score over" : "score");
  if (name) row.appendChild(element("div", "score-name", name));
  const bar = element("div", "score-bar");
  const filled = element("div");
  filled.style.width = percent;
  bar.appendChild(filled);
  row.appendChild(bar);
  row.appendChild(element("div", "score-value", percent));
  return row;
}

function icon(path) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 48 48");
  drawing.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  drawing.appendChild(line);
  return drawing;
}

// No photo of the case shows enough, so the person should take them again.
function nothingSeen() {
  return answer.photos.every((seen) => seen.quality.length > 0);
}

function adviceOn(found) {
  return texts.advice[found.issue] || found.advice;
}

function nameOf(key, otherwise) {
  return names[key] ? names[key][language] : otherwise;
}

function standardName(standard) {
  return standard.replace(/^gbt-/, "GB/T ");
}

// ---- choosing ----

function addPhotos(files) {
  const notes = [];
  Array.from(files).forEach((file) => {
    if (file.size > MAX_PHOTO_BYTES) {
      notes.push(texts.tooLarge(file.name));
    } else if (photos.length < MAX_PHOTOS) {
      photos.push({ file: file, url: URL.createObjectURL(file) });
    } else if (notes.indexOf(texts.tooMany) < 0) {
      notes.push(texts.tooMany);
    }
  });
  byId("note").textContent = notes.join(" ");
  show("note", notes.length > 0);
  draw();
}

function removePhoto(photo) {
  URL.revokeObjectURL(photo.url);
  photos = photos.filter((kept) => kept !== photo);
  show("note", false);
  draw();
}

function startAgain() {
  photos.forEach((photo) => URL.revokeObjectURL(photo.url));
  photos = [];
  answer = null;
  failure = null;
  show("note", false);
  draw();
  byId("camera").focus();
}

// ---- sending ----

function send() {
  failure = null;
  answer = null;
  const form = new FormData();
  photos.forEach((photo) => form.append("photo", photo.file, photo.file.name));
  request = new XMLHttpRequest(); // fetch cannot say how much was sent
  request.open("POST", "/v1/classify?lang=" + language);
  if (key) request.setRequestHeader("Authorization", "Bearer " + key);
  request.upload.onprogress = (event) => { showProgress(event.loaded, event.total); };
  request.upload.onload = () => { showProgress(1, 1); };
  request.onload = () => { receive(request.status, request.responseText); };
  request.onerror = () => { fail({ code: navigator.onLine === false ? "offline" : "unreachable" }); };
  showProgress(0, 1);
  draw();
  request.send(form);
}

function showProgress(sent, total) {
  const percent = Math.floor(100 * sent / total);
  byId("progress").value = percent;
  byId("stage").textContent = percent < 100 ? texts.sending(percent) : texts.examining;
}

function receive(status, body) {
  let content = null;
  try {
    content = JSON.parse(body);
  } catch (error) { // a proxy's page, for example
    content = {};
  }
  if (status === 200 && content.verdict) {
    loadNames(() => {
      if (!request) return; // cancelled meanwhile
      request = null;
      answer = content;
      draw();
      byId("result").focus();
      window.scrollTo(0, 0);
    });
  } else {
    fail(content.code ? content : { code: "unreadable" });
  }
}

function fail(why) {
  request = null;
  failure = why;
  photos.forEach((photo, index) => { photo.bad = index === why.photo; });
  byId("note").textContent = texts.badPhoto;
  show("note", why.photo >= 0);
  draw();
  if (why.code === "unauthorized") {
    byId("key-form").querySelector("label").textContent = key ? texts.keyWrong : texts.keyHint;
    byId("key").focus();
  }
}

// The catalogue has the names of all problems in both languages; without it the page shows what the answer holds.
function loadNames(then) {
  if (Object.keys(names).length) {
    then();
    return;
  }
  const asking = new XMLHttpRequest();
  asking.open("GET", "/v1/problems");
  if (key) asking.setRequestHeader("Authorization", "Bearer " + key);
  asking.timeout = 5000;
  asking.onload = () => {
    if (asking.status === 200) {
      JSON.parse(asking.responseText).problems.forEach((problem) => {
        names[problem.key] = { zh: problem.name_zh, en: problem.name_en };
      });
    }
  };
  asking.onloadend = then;
  asking.send();
}

// ---- what a finger does ----

function chooseBy(buttonId, inputId) {
  byId(buttonId).onclick = () => { byId(inputId).click(); };
  byId(inputId).onchange = () => {
    addPhotos(byId(inputId).files);
    byId(inputId).value = ""; // the same photo can be chosen again
  };
}

chooseBy("camera", "camera-file");
chooseBy("gallery", "gallery-file");
byId("send").onclick = send;
byId("retry").onclick = send;
byId("change").onclick = () => { failure = null; draw(); };
byId("again").onclick = startAgain;
byId("cancel").onclick = () => {
  request.abort();
  request = null;
  draw();
};
byId("key-form").onsubmit = (event) => {
  event.preventDefault();
  key = byId("key").value.trim();
  remember("key", key);
  byId("key").value = "";
  send();
};
byId("language").onclick = () => {
  language = language === "zh" ? "en" : "zh";
  texts = TEXTS[language];
  remember("language", language);
  drawTexts();
  draw();
};

drawTexts();
draw();
