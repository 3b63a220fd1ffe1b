// Gives a text's fingerprint where it is typed: the text itself stays in this
// browser. Browsers compute digests on https and on this machine only; without
// that, the page says how to get one elsewhere.
for (const form of document.querySelectorAll("form[data-commit]")) {
  const own = form.querySelector("[data-own]");
  if (!own || !globalThis.crypto?.subtle) continue;
  own.hidden = false;
  own.querySelector("input").addEventListener("input", async (event) => {
    const text = event.target.value;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    if (event.target.value !== text) return; // typed on meanwhile
    form.querySelector("[name=digest]").value = text && Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
  });
}
