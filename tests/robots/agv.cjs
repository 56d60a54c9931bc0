// A virtual vehicle of vda-5050-lib that also knows how to clean. It speaks VDA 5050, version 2.0, and ends with its
// standard input, as a robot is switched off; killed, it is cut off from the broker.
// node agv.cjs BROKER_URL MANUFACTURER SERIAL SPEED_MPS MAP_ID, with AGV_USER and AGV_PASSWORD in the environment.
"use strict";
const { ActionStatus, AgvController, VirtualAgvAdapter } = require("vda-5050-lib");

const [brokerUrl, manufacturer, serialNumber, speed, mapId] = process.argv.slice(2);

function cleaning(actionType, constraints) {
  return {
    actionType,
    actionScopes: ["node"],
    actionParameterConstraints: constraints,
    transitions: {
      ON_INIT: { next: ActionStatus.Running },
      ON_CANCEL: {},
      [ActionStatus.Running]: { durationTime: 0.3, next: ActionStatus.Finished },
      [ActionStatus.Finished]: { resultDescription: () => `${actionType} is done` },
      [ActionStatus.Failed]: { errorDescription: () => `${actionType} failed` },
    },
  };
}

class Scrubber extends VirtualAgvAdapter {
  get name() {
    return "Scrubber";
  }

  get actionDefinitions() {
    const mode = (value) => value === "scrub" || value === "sweep";
    return [...super.actionDefinitions, cleaning("startCleaning", { mode }), cleaning("stopCleaning", {})];
  }
}

const transport = { brokerUrl, username: process.env.AGV_USER, password: process.env.AGV_PASSWORD };
const controller = new AgvController(
  { manufacturer, serialNumber },
  { interfaceName: "uagv", transport, vdaVersion: "2.0.0" },
  { agvAdapterType: Scrubber, publishVisualizationInterval: 200, publishStateInterval: 5000 },
  { initialPosition: { x: 0, y: 0, theta: 0, mapId, lastNodeId: "dock" }, vehicleSpeed: Number(speed) },
);

controller.start().then(
  () => console.log("ready"),
  (fault) => {
    console.error(String(fault));
    process.exit(1);
  },
);
process.stdin.on("end", () => controller.stop().then(() => process.exit(0)));
process.stdin.resume();
