/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: {
    runes: true,
    // Component styles become a file; nothing is injected as <style>, which the policy would refuse.
    css: 'external',
  },
};
