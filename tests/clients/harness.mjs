// What the Node.js clients share: the setting from run.py, a person with a browser, counting.

import { execFileSync } from 'node:child_process';
import assert from 'node:assert/strict';

export const setting = JSON.parse(process.env.GRANTOR_TEST);
export const issuer = new URL(setting.issuer);

/** Sends the browser to `url`; returns the address of the client that it ends at. `answer`: allow, deny. */
export function browse(url, answer = 'allow') {
  const { python, user_agent: script } = setting;
  return new URL(execFileSync(python, [script, answer, String(url)], { encoding: 'utf8' }).trim());
}

/** A client of the setting, as the libraries want it. */
export function client(name) {
  const { redirect_uri, ...metadata } = setting.clients[name];
  return { metadata, id: metadata.client_id, secret: metadata.client_secret, redirectUri: redirect_uri };
}

/** Demands that the promise is refused with an error code of RFC 6749. */
export async function refused(code, promise) {
  await assert.rejects(promise, (error) => {
    const actual = error.error ?? error.cause?.error ?? error.cause?.parameters?.get?.('error');
    assert.equal(actual, code, `${error.name}: ${error.message}`);
    return true;
  });
}

/** Demands that client authentication fails: 401 with the challenge that both libraries read before the body. */
export async function refusedClient(promise) {
  await assert.rejects(promise, (error) => {
    const response = error.response ?? error.cause?.response;
    const challenges = [error.cause].flat().map((challenge) => challenge?.scheme);
    assert.ok(error.error === 'invalid_client' || challenges.includes('basic'), `${error.name}: ${error.message}`);
    assert.equal(error.status ?? response?.status, 401);
    return true;
  });
}

/** Runs the checks one after the other and leaves with the count. */
export async function run(name, checks) {
  let passed = 0;
  let failed = 0;
  for (const [title, check] of Object.entries(checks)) {
    try {
      await check();
      passed += 1;
      console.log(`ok     ${title}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${title}\n${error.stack}\n${error.cause ? `cause: ${error.cause.stack ?? JSON.stringify(error.cause)}` : ''}`);
    }
  }
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
