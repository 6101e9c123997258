// Colyseus's own matchmaking queue, in pairs, with a tick of 0.1 s; in memory, and without a game server to ask.
// node server.mjs PORT
import http from "node:http";
import { QueueRoom, Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import express from "express";

class Match extends Room {
  maxClients = 2;
}

class Queue extends QueueRoom {
  maxClients = Infinity;
  cycleTickInterval = 100;

  onCreate(options) {
    super.onCreate({ ...options, matchRoomName: "match", maxPlayers: 2 });
  }
}

const server = http.createServer(express());
const colyseus = new Server({ greet: false, transport: new WebSocketTransport({ server, perMessageDeflate: false }) });
colyseus.define("match", Match);
colyseus.define("queue", Queue);
await colyseus.listen(Number(process.argv[2]));
