import type { RequestInfo } from "../context.ts";

/** The request as a fetch `Request` without body, for callbacks of the app. */
export function fetchRequest(request: RequestInfo): Request {
  const headers = fetchHeaders(request);
  return new Request(request.baseURL() + request.path, { method: request.method, headers });
}

/** Its headers, for callbacks of the app. */
export function fetchHeaders(request: RequestInfo): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) headers.append(name, one);
    }
  }
  return headers;
}
