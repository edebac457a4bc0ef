/** The fake server by itself, to look at the page without a model: node tests/fake-server/main.mjs [PORT] [FOLDER]. */
import { fileURLToPath } from "node:url";
import { Fake } from "./server.mjs";

const folder = process.argv[3] ?? fileURLToPath(new URL("../../../src/hanlin/serve/web", import.meta.url));
const fake = new Fake(folder);
process.stdout.write(`${await fake.start(Number(process.argv[2] ?? 8765))}\n`);
fake.behaviour.delay = 40;
