// Bitwig Studio leads jamd by OSC: tempo, transport, and launcher clips as charts, styles and scenes.
//
// Install: copy to "Bitwig Studio/Controller Scripts/jamd/jamd.control.js" in the user's documents, then Settings, Controllers,
// Add controller, jamd, jamd. Where the daemon is, is set here.

loadAPI(17);
host.setShouldFailOnDeprecatedUse(true);
host.defineController("jamd", "jamd", "1.0", "5f1f0f60-6c3c-4a53-9a0e-3d0d4c6f5a17", "jamd");

const HOST = "127.0.0.1";
const PORT = 9120;
const TRACKS = 8;
const SCENES = 8;
const MARK = "jamd:";

/** @type {com.bitwig.extension.api.opensoundcontrol.OscConnection | null} */
let jamd = null;

/**
 * @param {string} address
 * @param {...any} values
 */
function send(address, ...values) {
  if (jamd !== null) {
    try {
      jamd.sendMessage(address, ...values);
    } catch (error) {
      host.errorln("jamd: " + error);
    }
  }
}

/**
 * What the name of a launched clip means: `jamd: | Dm7 | G7 |`, `jamd: slow ballad`, `jamd: scene 2`.
 * @param {string} name
 */
function launched(name) {
  if (!name.toLowerCase().startsWith(MARK)) return;
  const text = name.slice(MARK.length).trim();
  const scene = /^scene (\d+)$/.exec(text);
  if (scene !== null) send("/scene/" + scene[1] + "/launch");
  else send(text.includes("|") ? "/jam/chart" : "/jam/style", text);
}

function init() {
  const osc = host.getOscModule();
  const errors = osc.createAddressSpace();
  errors.registerMethod("/error", ",sss", "what jamd could not do", (_source, message) => {
    host.println("jamd: " + message.getString(0) + " " + message.getString(2));
  });
  jamd = osc.connectToUdpServer(HOST, PORT, errors);

  const transport = host.createTransport();
  transport.tempo().value().addRawValueObserver((bpm) => send("/clock/tempo", bpm));
  let playing = false;
  transport.isPlaying().addValueObserver((now) => {
    if (now === playing) return;
    playing = now;
    if (now) {
      send("/jam/start");
    } else {
      send("/jam/stop");
      send("/clock/stop");
    }
  });

  const bank = host.createMainTrackBank(TRACKS, 0, SCENES);
  for (let track = 0; track < TRACKS; track++) {
    /** @type {Object<number, string>} */
    const names = {};
    const slots = bank.getItemAt(track).clipLauncherSlotBank();
    slots.addNameObserver((slot, name) => {
      names[slot] = name;
    });
    // A queued clip waits for the launch quantum, as jamd does for its bar line: both change together.
    slots.addIsPlaybackQueuedObserver((slot, queued) => {
      if (queued) launched(names[slot] || "");
    });
  }
  host.println("jamd: sending to " + HOST + ":" + PORT);
}

function flush() {}

function exit() {
  send("/jam/stop");
}
