// Static files for the gateway. The header here must equal the one the gateway sends with the page.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Where `vite preview` finds the appliance; its certificate is the demo's own, hence `secure: false`. */
const appliance = process.env['ECABINET_ORIGIN'] ?? 'https://localhost:8443';

const headers = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self' blob:",
    "connect-src 'self'",
    "worker-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types svelte-trusted-html',
  ].join('; '),
};

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Inlined fonts would be `data:` addresses, which the policy refuses.
    assetsInlineLimit: 0,
    // The polyfill is an inline-like script no supported browser needs.
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  preview: {
    headers,
    proxy: { '/api': { target: appliance, secure: false, changeOrigin: true } },
  },
  test: { include: ['src/**/*.test.ts'] },
});
