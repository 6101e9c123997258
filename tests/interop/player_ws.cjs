// A player on the npm package ws.
const WebSocket = require("ws");

const [url, playerId] = process.argv.slice(2);
const heard = [];
const socket = new WebSocket(url);
const say = (message) => socket.send(JSON.stringify(message));

socket.on("open", () => say({ type: "enqueue", player_id: playerId, game_mode: "Normal_1v1" }));
socket.on("message", (frame) => {
  const message = JSON.parse(frame);
  heard.push(message);
  if (message.type === "start_loading") {
    say({ type: "loading_complete", loading_session_id: message.loading_session_id });
  } else if (message.type === "match_found") {
    socket.close(1000);
  }
});
socket.on("close", () => process.stdout.write(JSON.stringify(heard)));
