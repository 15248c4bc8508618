// What the pages do beyond forms and links; each of them works without it.
document.documentElement.classList.add("scripted");

const LOOK_EVERY_MS = 2000;

const told = document.getElementById("told");
let lastTold = "";

// Screen readers hear a new step and the end, not each number.
function tell(words) {
  if (told && words && words !== lastTold) {
    lastTold = words;
    told.textContent = words;
  }
}

async function fetchPart(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").body.childNodes;
}

// A sync is watched by its events; each one is a bell, and what is shown comes from the server.
function watch(events, address) {
  const part = document.getElementById("part");
  let isAsking = false;
  let rangMeanwhile = false;
  let isOver = false;

  async function refresh() {
    if (isAsking) {
      rangMeanwhile = true;
      return;
    }
    isAsking = true;
    try {
      show(await fetchPart(address));
    } catch (error) {
      if (["401", "403", "404"].includes(error.message)) location.reload();
    }
    isAsking = false;
    if (rangMeanwhile) {
      rangMeanwhile = false;
      await refresh();
    }
  }

  function show(html) {
    const focused = part.contains(document.activeElement) ? document.activeElement.textContent : null;
    part.replaceChildren(...parsed(html));
    const percent = part.querySelector("#percent");
    const banner = part.querySelector(".banner");
    const now = part.querySelector(".step-now .step-title");
    const isDone = banner.hasAttribute("data-done");
    document.title = `${isDone ? banner.dataset.word : percent?.textContent ?? ""} – ${document.title.split(" – ").slice(1).join(" – ")}`;
    if (focused !== null) {
      const again = [...part.querySelectorAll("button, a")].find((one) => one.textContent === focused);
      (again ?? document.getElementById("main")).focus();
    }
    tell(isDone ? banner.dataset.tell : now?.firstElementChild?.textContent);
    if (isDone) {
      isOver = true;
      source.close();
      tellParent(banner.dataset);
    }
  }

  const source = new EventSource(events);
  for (const name of ["progress", "done", "denied", "ended"]) source.addEventListener(name, refresh);
  // Where the stream breaks off the browser comes back to it, unless it was refused; then we look now and then.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED && !isOver) setInterval(() => isOver || refresh(), LOOK_EVERY_MS);
  });
}

// Embedded: the page around this one may refresh what it shows. Only origins on the list, each by its name.
function tellParent(ended) {
  if (window.parent === window) return;
  const listed = (document.body.dataset.embedOrigins ?? "").split(" ").filter(Boolean);
  // Not every browser says who is around us; then each on the list is called, and the browser delivers to none but it.
  const around = location.ancestorOrigins?.[0];
  for (const origin of listed.filter((one) => around === undefined || one === around)) {
    const news = { type: "mx-pipeline.sync-finished", merchantId: Number(ended.merchant), requestId: Number(ended.request), outcome: ended.state };
    window.parent.postMessage(news, origin);
  }
}

// The cost follows what is typed, a moment after the last key.
function followCost(form) {
  const cost = document.getElementById("cost");
  let timer = 0;
  let turn = 0;
  async function ask() {
    const mine = ++turn;
    const typed = new URLSearchParams(new FormData(form));
    typed.delete("csrf");
    typed.delete("reason");
    try {
      const html = await fetchPart(`${form.dataset.forecast}?${typed}`);
      if (mine === turn) cost.replaceChildren(...parsed(html));
    } catch {
      if (mine === turn) cost.textContent = "What it will cost cannot be told right now. The sync can be started all the same.";
    }
  }
  form.addEventListener("input", (happened) => {
    if (happened.target.name === "reason") return;
    clearTimeout(timer);
    timer = setTimeout(ask, 350);
  });
}

const { watch: events, part } = document.body.dataset;
if (events) watch(events, part);

else {
  // The sync was over before this page was here.
  const ended = document.querySelector("[data-just-ended]");
  if (ended) tellParent(ended.dataset);
}

const form = document.getElementById("sync-form");
if (form) {
  followCost(form);
  form.addEventListener("submit", () => {
    // Two clicks are one wish.
    setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)), 0);
  });
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => (button.disabled = false)));
}

for (const choice of document.querySelectorAll("select[data-go]")) {
  choice.addEventListener("change", () => location.assign(choice.dataset.go.replace("{}", choice.value)));
}

document.getElementById("errors")?.focus();
