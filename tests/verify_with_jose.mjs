// Reads tokens as a JSON array, and writes what jose makes of each: its claims, or why it refuses.
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [jwks, issuer, algorithm] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(jwks));
const rules = { issuer, audience: issuer, typ: "at+jwt", algorithms: [algorithm] };

const judge = (token) =>
  jwtVerify(token, keys, rules).then(
    ({ payload }) => ({ claims: payload }),
    (error) => ({ reason: error.code ?? String(error) }),
  );

const tokens = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(await Promise.all(tokens.map(judge))));
