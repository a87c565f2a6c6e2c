// The history page: moves along the events without reloading, and checks in this browser that they are in the signed log.
"use strict";

const form = document.getElementById("timeline");
const agreement = form.dataset.agreement;
const slider = document.getElementById("event");
const rows = new Map([...document.querySelectorAll("#all-events tbody tr")].map((row) => [Number(row.dataset.version), row]));
const proved = new Map();  // version → the entry and its stored document, once the bytes are proved
const results = new Map();  // version → the kind of its badge, and its words

// ------------------------------------------------------------------------------------------------------------- the slider

let asking = new AbortController();

async function look() {
  const version = Number(slider.value);
  slider.setAttribute("aria-valuetext", `Event ${version} of ${slider.max}: ${said(rows.get(version), "name")}`);
  asking.abort();
  asking = new AbortController();
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  try {
    const answer = await fetch(`${form.action}/event?${query}`, { signal: asking.signal });
    if (answer.redirected) return window.location.reload();
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("event-part");
    if (!answer.ok || !part) return form.submit();
    document.getElementById("event-part").replaceWith(part);
    window.history.replaceState(null, "", `?${query}`);
    markPart();
  } catch (fault) {
    if (fault.name !== "AbortError") throw fault;
  }
}

slider.addEventListener("input", look);
document.getElementById("to").addEventListener("change", look);

// -------------------------------------------------------------------------------------------------- what the page shows

const clean = (shown) => shown.replace(/\r\n?/g, "\n");
const name = /\{person:[0-9a-f]{16}:[A-Za-z0-9_-]{64,}\}/;  // of a person, kept encrypted: what stands around it is compared
const element = (within, key) => within.querySelector(`[data-said="${key}"]`);
const said = (within, key) => element(within, key).textContent;

function nameOf(type) {
  const words = type.replace(/^agreement\.(.*)\.v[0-9]+$/, "$1").replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function sameText(stored, shown) {
  if (!name.test(stored)) return stored === shown;
  const around = stored.split(name).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${around.join("[^]+")}$`).test(shown);
}

function sameValue(stored, shown) {
  if (stored === null) return shown === null || shown === "None";
  if (typeof stored !== "object") return typeof shown === "object" ? false : sameText(clean(String(stored)), clean(String(shown)));
  if (typeof shown !== "object" || shown === null || Array.isArray(stored) !== Array.isArray(shown)) return false;
  return sameKeys(stored, shown) && Object.keys(stored).every((key) => sameValue(stored[key], shown[key]));
}

const sameKeys = (one, other) => Object.keys(one).sort().join("\n") === Object.keys(other).sort().join("\n");

// An older form of an event is shown in today's: then only what both have is compared.
function sameData(entry, event, shownType, shown) {
  const newer = shownType !== entry.name;
  if (!newer && !sameKeys(event, shown)) return false;
  const both = Object.keys(event).filter((key) => !newer || key in shown);
  return both.every((key) => sameValue(key === "document" && typeof shown[key] === "object" ? JSON.parse(event[key]) : event[key], shown[key]));
}

function sameType(stored, shown) {
  const [[, one, older], [, other, newer]] = [stored, shown].map((each) => /^(.*)\.v([0-9]+)$/.exec(each) || ["", each, "0"]);
  return one === other && Number(older) <= Number(newer);
}

function isAsStored(part, key, { entry, document: stored }) {
  const shown = element(part, key).textContent;
  if (key === "version") return shown === String(entry.version);
  if (key === "name") return shown === nameOf(entry.name);
  if (key === "type") return sameType(entry.name, shown);
  if (key === "data") return sameData(entry, stored.event, said(part, "type"), JSON.parse(shown));
  return sameText(clean(stored.metadata[key]) || "not given", shown);
}

// What a part of the page shows otherwise than the stored bytes, by name.
function otherwise(part, known) {
  return [...part.querySelectorAll("[data-said]")].map((each) => each.dataset.said).filter((key) => {
    try {
      return !isAsStored(part, key, known);
    } catch {
      return true;
    }
  });
}

// ------------------------------------------------------------------------------------------------------- the verification

async function asked(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (!answer.ok) throw new Fault(told.detail || told.title || `${path} cannot be read.`);
  return told;
}

async function provenEvent(receipt, checkpoint, version) {
  const content = bytesOf(receipt.entry);
  const [entry, stored] = [entryOf(content), bytesOf(receipt.stored)];
  if (entry.stream !== agreement.replaceAll("-", "")) throw new Fault("its entry in the log is of another history");
  if (entry.version !== version) throw new Fault(`its entry in the log is of event ${entry.version}: there is a gap`);
  if (!same(await sha256(stored), entry.digest)) throw new Fault("its stored bytes are not those that the log has");
  const root = await rootOf(await sha256([0], content), receipt.index, checkpoint.size, receipt.siblings.map(bytesOf));
  if (!same(root, checkpoint.root)) throw new Fault("its entry is not in the log");
  return { entry, document: JSON.parse(text(stored)) };
}

async function checkEvent(receipt, checkpoint, version) {
  proved.set(version, await provenEvent(receipt, checkpoint, version));
  const wrong = otherwise(rows.get(version), proved.get(version));
  if (wrong.length) throw new Fault(`the page shows another ${wrong.join(", ")} than its stored bytes`);
}

async function checkCheckpoint(told, what, key, faults) {
  try {
    const checkpoint = checkpointOf(told);
    const signed = await hasSigned(key, checkpoint);
    if (signed === false) throw new Fault("is not signed by that key");
    return { ...checkpoint, signed };
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    faults.push(`${what} ${fault.message}.`);
    return null;
  }
}

async function checkGrowth(former, newest, faults) {
  if (former.size > newest.size) return faults.push("The log is shorter now than your checkpoint says.");
  const { proof } = await asked(`/v1/log/agreements/consistency?from=${former.size}&to=${newest.size}`);
  if (!(await grewFrom(former, newest, proof.map(bytesOf)))) faults.push("The log of today does not continue the one that your checkpoint is of.");
}

async function verify() {
  const [faults, notes, bad] = [[], [], new Map()];
  const { items, key: ofServer } = await asked(`/v1/agreements/${encodeURIComponent(agreement)}/receipts`);
  const given = keyField.value.trim();
  const key = await keyOf(given || ofServer);
  const newest = await checkCheckpoint(items[0].checkpoint, "The newest checkpoint", key, faults);
  if (newest && items.some((each) => each.checkpoint !== items[0].checkpoint)) faults.push("The events are proved by different checkpoints.");
  const former = checkpointField.value.trim() && (await checkCheckpoint(`${checkpointField.value.trim()}\n`, "Your checkpoint", key, faults));
  if (newest && former) await checkGrowth(former, newest, faults);
  for (const version of rows.keys()) {
    const receipt = items[version - 1];
    if (!receipt || !newest) continue;
    try {
      await checkEvent(receipt, newest, version);
    } catch (fault) {
      bad.set(version, fault instanceof Fault ? fault.message : "its stored bytes cannot be read");
    }
  }
  if (items.length > rows.size) notes.push("There are newer events: load the page again.");
  if (newest?.signed === null) notes.push("This browser has no Ed25519: whether the log signed was not checked here; upheld verify checks it.");
  const source = given ? keyFrom : "server";
  if ([...proved.values()].some((each) => name.test(JSON.stringify(each.document)))) notes.push("Names of people are kept encrypted, and were not compared here: upheld verify opens them.");
  if (source === "server") notes.push("The key came from this server: that proves less than a key that you have from elsewhere.");
  if (former === "") notes.push("There was no checkpoint from before: that the log only grew is shown from the next time on.");
  if (faults.length + bad.size === 0 && newest.signed) keep({ key: given || ofServer, "key-from": source, checkpoint: items[0].checkpoint });
  return { faults, notes, bad, sealed: items.length, signed: Boolean(newest?.signed) };
}

function badge(within, kind, words) {
  const made = document.createElement("span");
  made.className = `badge ${kind}`;
  made.textContent = words;
  within.replaceChildren(made);
}

function markPart() {
  const part = document.getElementById("event-part");
  const version = Number(part.dataset.version);
  const wrong = proved.has(version) ? otherwise(part, proved.get(version)) : [];
  const [mark, [kind, words]] = [part.querySelector(".verified"), results.get(version) || ["", ""]];
  mark.hidden = !kind && wrong.length === 0;
  badge(mark, wrong.length ? "breached" : kind, wrong.length ? `Tampered: it shows another ${wrong.join(", ")} than the stored bytes` : words);
  return wrong;
}

function tell({ faults, notes, bad, sealed, signed }) {
  const fine = signed ? ["met", "Proved"] : ["at-risk", "Agrees"];
  const missing = Math.max(rows.size - sealed, 0);
  const shown = Number(slider.value);
  if (markPart().length && !bad.has(shown)) bad.set(shown, "its part of the page shows another than its stored bytes");
  for (const [version, row] of rows) {
    const result = bad.has(version) ? ["breached", "Tampered"] : version > sealed ? ["at-risk", "Not in the log yet"] : faults.length ? ["breached", "Not proved"] : fine;
    results.set(version, result);
    badge(row.querySelector(".check"), ...result);
  }
  markPart();
  const findings = [...faults, ...[...bad].map(([version, why]) => `Event ${version} (${said(rows.get(version), "name")}): ${why}.`), ...notes];
  if (missing) findings.push(`${missing} of them happened after the newest checkpoint: verify again in a moment.`);
  list(findings);
  const good = faults.length + bad.size === 0;
  outcome(good, good ? `${fine[1]}: ${rows.size - missing} of ${rows.size} events are in the log, without a gap, and as shown.` : `Not proved: ${findings[0]}`);
}

function list(lines) {
  document.getElementById("findings").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
}

function outcome(good, words) {
  Object.assign(document.getElementById("outcome"), { className: good ? "good" : "bad", textContent: words });
}

// ---------------------------------------------------------------------------------------- what is kept from visit to visit

const [keyField, checkpointField] = [document.getElementById("key"), document.getElementById("checkpoint")];
let keyFrom = "you";
keyField.addEventListener("input", () => (keyFrom = "you"));

function kept(what) {
  try {
    return window.localStorage.getItem(`upheld/agreements/${what}`) || "";
  } catch {
    return "";
  }
}

function keep(things) {
  try {
    for (const [what, value] of Object.entries(things)) window.localStorage.setItem(`upheld/agreements/${what}`, value);
  } catch {
    return;
  }
  showKept();
}

function showKept() {
  [keyField.value, checkpointField.value] = [kept("key"), kept("checkpoint")];
  keyFrom = kept("key-from") || "you";
  const from = { you: "You gave it.", server: "It came from this server: that proves less than a key that you have from elsewhere." };
  document.getElementById("key-origin").textContent = from[kept("key-from")] || "Paste the one you have from elsewhere; left empty, the server is asked for it, which proves less.";
  document.getElementById("checkpoint-origin").textContent = kept("checkpoint") ? "Kept in this browser since the last time." : "It shows that the log only grew since. Left empty, this visit's is kept for the next.";
}

document.getElementById("verify").addEventListener("click", async () => {
  proved.clear();
  results.clear();
  outcome(true, "Verifying …");
  list([]);
  try {
    tell(await verify());
  } catch (fault) {
    outcome(false, fault instanceof Fault ? `Nothing was verified: ${fault.message}` : "Nothing was verified: the server's answer cannot be read.");
  }
});

document.querySelector(".scriptless").hidden = true;
if (window.crypto?.subtle) {
  document.querySelector(".verifying").hidden = false;
  showKept();
} else {
  outcome(false, "This browser gives this page no cryptography: reach the portal by https, or run upheld verify.");
}
