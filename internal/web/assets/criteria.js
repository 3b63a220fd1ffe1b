// The verdict on the criteria follows what is typed: the form goes to the
// server as it stands, and the parts of the answer replace those of the page
// that have the same id. Without this, the button "Check" does the same.
const form = document.querySelector("form[data-check]");
let asked, pause;

async function check(address) {
  asked?.abort(); // only what was typed last counts
  const mine = (asked = new AbortController());
  let answer;
  try {
    answer = await fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: mine.signal });
    if (!answer.ok) return;
    answer = await answer.text();
  } catch {
    return; // overtaken, or offline: the verdict on the page stays
  }
  if (mine.signal.aborted) return;
  for (const part of new DOMParser().parseFromString(answer, "text/html").querySelectorAll("[id]")) {
    const place = document.getElementById(part.id);
    if (place && place.innerHTML !== part.innerHTML) place.replaceChildren(...part.childNodes);
  }
  form.dataset.checked = Number(form.dataset.checked ?? 0) + 1;
}

form?.addEventListener("input", async () => {
  clearTimeout(pause);
  await check(form.dataset.check);
  // Ways out and how tight each row is take longer: when the typing pauses.
  clearTimeout(pause);
  pause = setTimeout(() => check(form.dataset.check + "?details=yes"), 400);
});
