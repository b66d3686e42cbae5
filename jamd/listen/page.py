"""The page of the test, the same for every test: what is heard comes as JSON and sounds with names that say nothing.

All sounds of a trial run at once and only one is let through, so that A and B change over at the same place, to the sample.
"""

from __future__ import annotations

from typing import Final

PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Listening test</title>
<style nonce="NONCE">
body { font: 17px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; background: #16181c; color: #e8e6e1 }
h1 { font-size: 1.4rem } p { color: #a9a59b } pre { white-space: pre-wrap; font-size: .95rem }
div { display: flex; gap: .6rem; margin: 1rem 0; flex-wrap: wrap }
button { font: inherit; padding: .7rem 1.2rem; border: 1px solid #555; border-radius: .4rem; background: #24272d; color: inherit }
button:disabled { opacity: .4 } button.on { background: #d9a441; color: #16181c; border-color: #d9a441 }
[hidden] { display: none !important } progress { width: 100%; accent-color: #d9a441 }
</style>
<h1 id="title">Which matches the player better?</h1>
<p id="text" role="status">Loading</p>
<progress id="place" max="1" value="0"></progress>
<div id="start"><button id="go">Begin</button></div>
<main id="test" hidden>
<div><button data-hear="x">The player (x)</button><button data-hear="a">A (a)</button><button data-hear="b">B (b)</button></div>
<div><button data-say="a">A matches better</button><button data-say="b">B matches better</button><button data-say="skip">Skip</button></div>
<p>Keys: a, b and x change over at the same place; space stops and goes on, 0 goes back to the start; Enter takes the one that
sounds. Answers can be given once both have been heard.</p>
</main>
<pre id="end" hidden></pre>
<script nonce="NONCE">
"use strict";
const $ = id => document.getElementById(id);
let context, trial, sounds = {}, playing = {}, now, heard, busy = true;

function silence() {
  for (const one of Object.values(playing)) one.source.stop();
  playing = {};
}
function restart() {
  silence();
  const at = context.currentTime + 0.02;
  for (const [letter, buffer] of Object.entries(sounds)) {
    const source = new AudioBufferSourceNode(context, {buffer, loop: true});
    const gain = new GainNode(context, {gain: letter === now ? 1 : 0});
    source.connect(gain).connect(context.destination);
    source.start(at);
    playing[letter] = {source, gain};
  }
}
function hear(letter) {
  if (busy || !sounds[letter]) return;
  now = letter;
  heard.add(letter);
  for (const [name, one] of Object.entries(playing)) one.gain.gain.setTargetAtTime(name === letter ? 1 : 0, context.currentTime, 0.004);
  if (context.state === "suspended") context.resume();
  show();
}
function ready() { return !busy && heard.has("a") && heard.has("b"); }
function show() {
  for (const button of document.querySelectorAll("[data-hear]")) {
    button.classList.toggle("on", button.dataset.hear === now);
    button.hidden = button.dataset.hear === "x" && !trial.sounds.x;
    button.disabled = busy;
  }
  for (const button of document.querySelectorAll("[data-say]")) button.disabled = busy || (button.dataset.say !== "skip" && !ready());
}
async function put(state) {
  busy = true;
  silence();
  if (state.finished) {
    $("test").hidden = $("start").hidden = true;
    $("place").value = 1;
    $("title").textContent = "Thank you";
    $("text").textContent = "The answers are saved; this page can be closed.";
    $("end").textContent = state.lines.join("\\n");
    $("end").hidden = false;
    if (context) context.close();
    return;
  }
  trial = state;
  heard = new Set();
  $("text").textContent = `Trial ${state.trial} of ${state.of}`;
  $("place").value = (state.trial - 1) / state.of;
  show();
  const found = await Promise.all(Object.entries(state.sounds).map(async ([letter, name]) => {
    const reply = await fetch("sound/" + name);
    if (!reply.ok) throw new Error("a sound cannot be loaded");
    return [letter, await context.decodeAudioData(await reply.arrayBuffer())];
  }));
  sounds = Object.fromEntries(found);
  busy = false;
  now = sounds.x ? "x" : "a";
  restart();
  hear(now);
}
async function say(choice) {
  if (busy || (choice !== "skip" && !ready())) return;
  busy = true;
  show();
  try {
    const reply = await fetch("answer", {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({trial: trial.trial, choice})
    });
    if (!reply.ok) throw new Error((await reply.json()).error);
    await put(await reply.json());
  } catch (error) { fail(error); }
}
function fail(error) {
  busy = false;
  $("text").textContent = `Something went wrong: ${error.message}. Is jamd still running? Answers are saved; reload to go on.`;
  if (trial) show();
}
$("go").onclick = async () => {
  $("go").disabled = true;
  try {
    context = new AudioContext({sampleRate: 48000});
    await put(await (await fetch("trial")).json());
    $("start").hidden = true;
    $("test").hidden = Boolean($("end").textContent);
  } catch (error) { fail(error); $("go").disabled = false; }
};
document.addEventListener("click", event => {
  const {hear: letter, say: choice} = event.target.dataset || {};
  if (letter) hear(letter);
  if (choice) say(choice);
});
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !context || $("test").hidden) return;
  const key = event.key.toLowerCase();
  if ("abx".includes(key) && key.length === 1) hear(key);
  else if (key === "enter") { if (now !== "x") say(now); }
  else if (key === "0") { if (!busy) restart(); }
  else if (key === " ") context.state === "suspended" ? context.resume() : context.suspend();
  else return;
  event.preventDefault();
});
$("text").textContent = "The player is heard first, then A and B: the same music, played twice. Which of them is more like the player?";
</script>
</html>
"""
