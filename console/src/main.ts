// Starts the console: who is signed in, then the page.
import 'element-plus/theme-chalk/dark/css-vars.css'
import './looks/base.css'
import { createApp } from 'vue'
import { whoAmI } from './api/session'
import App from './App.vue'
import { i18n } from './messages'
import { router } from './router'

await whoAmI().catch(() => null) // unreachable: the sign-in page says so when it is tried
createApp(App).use(i18n).use(router).mount('#app')
