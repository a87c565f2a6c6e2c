// Hashes, Merkle trees (RFC 9162) and signed notes (C2SP), with this browser's own cryptography. Knows no page and no agreement.
"use strict";

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(parts)));
const utf8 = (text) => new TextEncoder().encode(text);
const text = (bytes) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
const half = (number) => Math.floor(number / 2);
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (one, other) => one !== null && other !== null && hex(one) === hex(other);
const nodeHash = (left, right) => sha256([1], left, right);

class Fault extends Error {}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  } catch {
    throw new Fault("what should be base64 is none");
  }
}

async function rootOf(leaf, index, size, siblings) {
  let [place, last, hash] = [index, size - 1, leaf];
  if (!(index >= 0 && index < size)) return null;
  for (const sibling of siblings) {
    if (last === 0) return null;
    if (place % 2 || place === last) {
      hash = await nodeHash(sibling, hash);
      while (place && place % 2 === 0) [place, last] = [half(place), half(last)];
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 ? hash : null;
}

async function grewFrom(old, now, proof) {
  if (old.size > now.size) return false;
  if (old.size === now.size) return proof.length === 0 && same(old.root, now.root);
  if (old.size === 0) return proof.length === 0 && same(old.root, await sha256());
  const hashes = Number.isInteger(Math.log2(old.size)) ? [old.root, ...proof] : [...proof];
  if (proof.length === 0) return false;
  let [place, last] = [old.size - 1, now.size - 1];
  while (place % 2) [place, last] = [half(place), half(last)];
  let [before, after] = [hashes[0], hashes[0]];
  for (const each of hashes.slice(1)) {
    if (last === 0) return false;
    if (place % 2 || place === last) {
      [before, after] = [await nodeHash(each, before), await nodeHash(each, after)];
      while (place && place % 2 === 0) [place, last] = [half(place), half(last)];
    } else {
      after = await nodeHash(after, each);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && same(before, old.root) && same(after, now.root);
}

function entryOf(bytes) {
  if (bytes.length < 63 || bytes[0] !== 1) throw new Fault("the log's entry is none");
  const view = new DataView(bytes.buffer);
  const length = view.getUint16(29);
  if (bytes.length !== 63 + length) throw new Fault("the log's entry is not as long as it says");
  return { stream: hex(bytes.subarray(9, 25)), version: view.getUint32(25), name: text(bytes.subarray(31, 31 + length)), digest: bytes.subarray(31 + length) };
}

function checkpointOf(note) {
  const end = note.lastIndexOf("\n\n");
  const [origin, size, root] = note.slice(0, end).split("\n");
  if (end < 0 || !root || !/^(0|[1-9][0-9]{0,14})$/.test(size)) throw new Fault("is no checkpoint");
  const signatures = note.slice(end + 2).split("\n").filter(Boolean).map((line) => line.split(" "));
  return { origin, size: Number(size), root: bytesOf(root), text: note.slice(0, end + 1), signatures };
}

async function keyOf(told) {
  const [name, id, encoded] = told.trim().split(/\+(.{8})\+/);
  const content = bytesOf(encoded || "");
  if (content.length !== 33 || content[0] !== 1) throw new Fault("The key is no verifier key: name+id+base64.");
  if (hex((await sha256(utf8(`${name}\n`), content)).subarray(0, 4)) !== id) throw new Fault("The key is not the one that its id says.");
  return { name, id, content: content.subarray(1) };
}

// Null: this browser has no Ed25519.
async function hasSigned(key, checkpoint) {
  const own = checkpoint.signatures
    .filter(([dash, name]) => dash === "—" && name === key.name)
    .map(([, , encoded]) => bytesOf(encoded))
    .filter((signature) => hex(signature.subarray(0, 4)) === key.id);
  if (checkpoint.origin !== key.name || own.length === 0) return false;
  try {
    const imported = await crypto.subtle.importKey("raw", key.content, "Ed25519", false, ["verify"]);
    const checked = own.map((signature) => crypto.subtle.verify("Ed25519", imported, signature.subarray(4), utf8(checkpoint.text)));
    return (await Promise.all(checked)).every(Boolean);
  } catch (fault) {
    if (fault.name === "NotSupportedError") return null;
    throw fault;
  }
}
