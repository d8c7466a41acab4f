/** Google's form of an error. When to come back stands in its details, not in a header. */
import type { JsonObject } from "../../contract/schema.ts";
import type { WireError } from "./wire.ts";

const known: { readonly [status: number]: readonly [status: string, message: string] } = {
  400: ["INVALID_ARGUMENT", "Request contains an invalid argument."],
  401: ["UNAUTHENTICATED", "Request had invalid authentication credentials."],
  403: [
    "PERMISSION_DENIED",
    "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
  ],
  404: ["NOT_FOUND", "The model is not found for this API version, or is not supported for generateContent."],
  409: ["ABORTED", "The operation was aborted."],
  429: ["RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."],
  499: ["CANCELLED", "The operation was cancelled."],
  500: ["INTERNAL", "An internal error has occurred. Please retry or report."],
  501: ["UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."],
  503: ["UNAVAILABLE", "The model is overloaded. Please try again later."],
  504: ["DEADLINE_EXCEEDED", "Deadline expired before operation could complete."],
  529: ["UNAVAILABLE", "The model is overloaded. Please try again later."],
};

export function errorBody(error: WireError): JsonObject {
  const [status, message] = known[error.status] ?? (error.status >= 500 ? ["INTERNAL", ""] : ["INVALID_ARGUMENT", ""]);
  const retry =
    error.retry_after === undefined ? [] : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${error.retry_after}s` }];
  const reason = error.code ? [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: error.code, domain: "googleapis.com" }] : [];
  const details = [...reason, ...retry];
  const text = error.message ?? (message || `offline model: status ${error.status}`);
  return { error: { code: error.status, message: text, status: error.type ?? status, ...(details.length && { details }) } };
}
