// Chromium through every page of `grantor dev`: as a person sees it in light, dark, on a phone, and without script.
// Each page is held against the accessibility rules of WCAG 2.2 AA (axe-core) and photographed.
// Started by ../run.py; arguments name the looks to run.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const setting = JSON.parse(process.env.GRANTOR_TEST);
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  'phone-dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  noscript: { javaScriptEnabled: false, viewport: { width: 1280, height: 800 } },
  contrast: { forcedColors: 'active', reducedMotion: 'reduce', viewport: { width: 1280, height: 800 } },
};

let passed = 0;
let failed = 0;

async function check(title, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok     ${title}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${title}\n${error.stack}`);
  }
}

/** One browser profile with one look, walking through the pages. */
class Walk {
  constructor(look, context, page) {
    Object.assign(this, { look, context, page, shots: 0, complaints: [] });
    page.on('console', (message) => {
      // Chromium reports each 4xx answer as an error of the console; the pages here answer so on purpose.
      const expected = message.text().startsWith('Failed to load resource') || this.look === 'noscript';
      if (message.type() === 'error' && !expected) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(setting.issuer)) this.complaints.push(`a request to ${request.url()}`);
    });
  }

  /** Looks at the page: photographs it, and checks what holds for every page. */
  async look_at(name) {
    const { page, look } = this;
    this.shots += 1;
    const file = `${String(this.shots).padStart(2, '0')}-${name}-${look}.png`;
    await page.screenshot({ path: join(setting.screenshots, file), fullPage: true });
    await check(`${look}: ${name}: a title, a language, one main heading`, async () => {
      assert.ok((await page.title()).length > 3, 'no title');
      assert.ok(await page.locator('html').getAttribute('lang'), 'no language');
      assert.equal(await page.locator('h1').count(), 1, 'one h1');
    });
    await check(`${look}: ${name}: nothing is cut off at the side`, async () => {
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(widths[0] <= widths[1], `${widths[0]} px wide in a window of ${widths[1]} px`);
    });
    await check(`${look}: ${name}: colours follow the setting`, async () => {
      const [text, ground] = await page.evaluate(() => {
        const style = (element) => getComputedStyle(element);
        const grounds = [document.body, document.documentElement].map((element) => style(element).backgroundColor);
        return [style(document.body).color, grounds.find((colour) => colour !== 'rgba(0, 0, 0, 0)') ?? 'rgb(255, 255, 255)'];
      });
      const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) > 382;
      const dark = look === 'dark' || look === 'phone-dark';
      if (look !== 'contrast') assert.deepEqual([light(text), light(ground)], [dark, !dark], `${text} on ${ground}`);
    });
    if (look !== 'noscript') {
      await check(`${look}: ${name}: accessible (WCAG 2.2 AA)`, async () => {
        await page.evaluate(`${axeSource};0`);
        const { violations } = await page.evaluate((tags) => axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), RULES);
        const told = violations.map((rule) => `${rule.id} (${rule.impact}): ${rule.help}\n    ${rule.nodes.map((node) => node.html).join('\n    ')}`);
        assert.equal(told.length, 0, told.join('\n'));
      });
    }
    await check(`${look}: ${name}: the console is silent, nothing is loaded from elsewhere`, () => {
      const complaints = this.complaints.splice(0);
      assert.equal(complaints.length, 0, complaints.join('\n'));
    });
  }

  text() {
    return this.page.locator('body').innerText();
  }

  /** Presses the button or link with that name. */
  async press(name) {
    const { page } = this;
    const found = page.getByRole('button', { name }).or(page.getByRole('link', { name })).first();
    await Promise.all([page.waitForLoadState('load'), found.click({ timeout: 10_000 })]);
    await page.waitForLoadState('load');
  }

  async start() {
    await this.page.goto(`${setting.issuer}/`);
    await this.press(/sign in|log in|start|connect|try/i);
  }

  async log_in(password) {
    await this.page.locator('input[type=text], input[type=email], input:not([type])').fill(setting.user.name);
    await this.page.locator('input[type=password]').fill(password);
    await this.press(/log in|sign in|continue/i);
  }
}

async function walk(walker) {
  const { page, look } = walker;
  const step = (title, body) => check(`${look}: ${title}`, body);

  await page.goto(`${setting.issuer}/`);
  await walker.look_at('start');

  await step('the demo client sends to the login page', async () => {
    await walker.start();
    assert.equal(await page.locator('input[type=password]').count(), 1);
    assert.equal(await page.locator('input[type=text], input[type=email], input:not([type])').count(), 1);
  });
  await walker.look_at('login');

  await step('a wrong password is told, and tells nothing else', async () => {
    await walker.log_in('wrong');
    assert.equal(await page.getByRole('alert').count(), 1, 'an alert');
    assert.equal(await page.locator('input[type=password]').inputValue(), '');
  });
  await walker.look_at('login-wrong');

  await step('login leads to consent, which names client, host and scopes', async () => {
    await walker.log_in(setting.user.password);
    const text = await walker.text();
    assert.ok(await page.getByRole('button', { name: /allow/i }).count(), text);
    assert.ok(await page.getByRole('button', { name: /deny|cancel/i }).count(), text);
    assert.match(text, /demo/i);
    assert.ok(text.includes(new URL(setting.issuer).host), `no host of the redirect in: ${text}`);
  });
  await walker.look_at('consent');

  await step('deny goes back to the client with access_denied', async () => {
    await walker.press(/deny|cancel/i);
    assert.match(await walker.text(), /access_denied/);
  });
  await walker.look_at('denied');

  await step('who is logged in is asked for consent only, and allow gives tokens', async () => {
    await walker.start();
    assert.equal(await page.locator('input[type=password]').count(), 0, 'asked for the password again');
    await walker.press(/allow/i);
    assert.match(await walker.text(), /access.token/i);
  });
  await walker.look_at('tokens');

  await step('refresh gives other tokens', async () => {
    const before = await walker.text();
    await walker.press(/refresh/i);
    assert.notEqual(await walker.text(), before);
  });
  await walker.look_at('refreshed');

  await step('introspect says active', async () => {
    await walker.press(/introspect/i);
    assert.match(await walker.text(), /"?active"?\W+true/);
  });
  await walker.look_at('introspected');

  await step('revoke ends it, introspect says inactive', async () => {
    await walker.press(/revoke/i);
    await walker.look_at('revoked');
    await walker.press(/introspect/i);
    assert.match(await walker.text(), /"?active"?\W+false/);
  });

  await step('the account lists applications and sessions, and a withdrawal asks again', async () => {
    await page.goto(`${setting.issuer}/account`);
    await walker.look_at('account');
    await walker.press(/withdraw.*demo/i);
    assert.match(await walker.text(), /no application/i);
    await walker.look_at('withdrawn');
    await walker.start();
    assert.ok(await page.getByRole('button', { name: /^allow$/i }).count(), await walker.text());
  });

  await step('logout asks, then acts', async () => {
    await page.goto(`${setting.issuer}/logout`);
    await walker.look_at('logout');
    await walker.press(/log out|sign out/i);
    await walker.look_at('logged-out');
    await walker.start();
    assert.equal(await page.locator('input[type=password]').count(), 1, 'still logged in');
  });

  await step('a request that no client stands behind is shown, not redirected', async () => {
    await page.goto(`${setting.issuer}/authorize?client_id=nobody&response_type=code`);
    assert.match(await walker.text(), /client/i);
  });
  await walker.look_at('error');
}

/** The whole flow with the keyboard alone. */
async function keyboard(browser) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const walker = new Walk('keyboard', context, page);
  await check('keyboard: login and consent without a mouse, the focus is always visible', async () => {
    await walker.start();
    const reach = async (selector) => {
      for (let presses = 0; presses < 30; presses += 1) {
        if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) {
          const outline = await page.evaluate(() => {
            const style = getComputedStyle(document.activeElement);
            return style.outlineStyle !== 'none' || style.boxShadow !== 'none';
          });
          assert.ok(outline, `no visible focus on ${selector}`);
          return;
        }
        await page.keyboard.press('Tab');
      }
      assert.fail(`${selector} is not reached by Tab`);
    };
    await reach('input[type=text], input[type=email], input:not([type])');
    await page.keyboard.type(setting.user.name);
    await reach('input[type=password]');
    await page.keyboard.type(setting.user.password);
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
    await reach('button');
    await walker.press(/allow/i);
    assert.match(await walker.text(), /access.token/i);
  });
  await context.close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
});
try {
  const wanted = process.argv.slice(2);
  for (const [look, options] of Object.entries(LOOKS)) {
    if (wanted.length > 0 && !wanted.includes(look)) continue;
    const context = await browser.newContext(options);
    context.setDefaultTimeout(15_000);
    const walker = new Walk(look, context, await context.newPage());
    await check(`${look}: the walk came to its end`, () => walk(walker));
    await context.close();
  }
  if (wanted.length === 0 || wanted.includes('keyboard')) await keyboard(browser);
} finally {
  await browser.close();
}
console.log(`browser: ${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
