/** Starts the client in the page's one element. */
import './fonts.css';
import './app.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { language } from './text';

document.documentElement.lang = language;

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has lost its #app element');
mount(App, { target });
