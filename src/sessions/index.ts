export { adviceOf, FRESHNESS, type Freshness, type FreshnessPolicy, freshnessOf } from "./freshness.ts";
export { type NewSession, type SessionInfo, SessionManager, type SessionManagerOptions } from "./manager.ts";
export { type Ended, type Queueing, type Runs, Session, type TurnOptions } from "./session.ts";
