// The session in a dedicated worker.

import { main } from "./browser_session.mjs";

await main();
