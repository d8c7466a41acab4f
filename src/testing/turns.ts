/** Where the turns come from: a list that is used up, or a function that is asked. */
import { checkTurn, type ModelRequest, type Script, ScriptError, scripted, type Turn } from "./script.ts";

export interface TurnSource {
  /** The next turn and its number, or null when the script is over. */
  take(request: ModelRequest): Promise<{ readonly turn: Turn; readonly index: number } | null>;
  /** Numbers of the turns that were not asked for. */
  left(): readonly number[];
  replace(script: Script): void;
  push(turns: readonly Turn[]): void;
}

/** @throws ScriptError when the script is malformed. */
export function turnSource(initial: Script, defaults: Turn): TurnSource {
  checkTurn(defaults, "defaults");
  const checked = (script: Script): Script => (typeof script === "function" ? script : [...scripted(script)]);
  let script = checked(initial);
  let next = 0;
  return {
    async take(request) {
      const index = next++;
      const turn = typeof script === "function" ? await script(request, index) : script[index];
      if (!turn) return null;
      const whole = { ...defaults, ...turn };
      checkTurn(whole, `turns.${index}`);
      return { turn: whole, index };
    },
    left: () => (typeof script === "function" ? [] : [...script.keys()].slice(next)),
    replace(other) {
      script = checked(other);
      next = 0;
    },
    push(turns) {
      if (typeof script === "function") throw new ScriptError("turns", "the script is a function; replace it with script(turns) first");
      script = [...script, ...scripted(turns)];
    },
  };
}
