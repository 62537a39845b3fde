/** Addresses of pages. Behind `#`, so that any static file server serves them; a plain path given by hand or in a mail is turned into one. */
import { createRouter, createWebHashHistory } from 'vue-router'
import { me } from '@/api/session'

if (location.pathname !== '/' && !location.hash) history.replaceState(null, '', `/#${location.pathname}${location.search}`)

export const router = createRouter({
  history: createWebHashHistory('/'),
  routes: [
    { path: '/sign-in', name: 'sign-in', component: () => import('@/pages/SignIn.vue'), meta: { open: true } },
    { path: '/', name: 'wall', component: () => import('@/pages/Wall.vue') },
    { path: '/alarms', name: 'alarms', component: () => import('@/pages/Alarms.vue') },
    { path: '/alarms/:id', name: 'alarm', component: () => import('@/pages/AlarmPage.vue'), props: true },
    { path: '/suppressed', name: 'suppressed', component: () => import('@/pages/Suppressed.vue') },
    { path: '/proof-tests/:id', name: 'proof-test', component: () => import('@/pages/ProofTest.vue'), props: true },
    { path: '/responses', name: 'responses', component: () => import('@/pages/Responses.vue') },
    { path: '/notify', name: 'notify', component: () => import('@/pages/Notify.vue') },
    { path: '/shift', name: 'shift', component: () => import('@/pages/Shift.vue') },
    { path: '/figures', name: 'figures', component: () => import('@/pages/Figures.vue') },
    { path: '/hazards', name: 'hazards', component: () => import('@/pages/Hazards.vue') },
    { path: '/hazards/:id', name: 'hazard', component: () => import('@/pages/HazardPage.vue'), props: true },
    { path: '/devices', name: 'devices', component: () => import('@/pages/Devices.vue') },
    { path: '/devices/import', name: 'device-import', component: () => import('@/pages/DeviceImport.vue') },
    { path: '/devices/decode', name: 'decode', component: () => import('@/pages/Decode.vue') },
    { path: '/devices/:id', name: 'device', component: () => import('@/pages/DevicePage.vue'), props: true },
    { path: '/power', name: 'power', component: () => import('@/pages/Power.vue') },
    { path: '/plans', name: 'plans', component: () => import('@/pages/Plans.vue') },
    { path: '/plans/:id', name: 'plan', component: () => import('@/pages/PlanPage.vue'), props: true },
    { path: '/runs', name: 'runs', component: () => import('@/pages/Runs.vue') },
    { path: '/runs/:id', name: 'run', component: () => import('@/pages/RunPage.vue'), props: true },
    { path: '/holds', name: 'holds', component: () => import('@/pages/Holds.vue') },
    { path: '/mornings', name: 'mornings', component: () => import('@/pages/Mornings.vue') },
    { path: '/rectify/:token', name: 'rectify', component: () => import('@/pages/Rectify.vue'), props: true, meta: { open: true } },
    { path: '/shop/:token', name: 'shop', component: () => import('@/pages/Shop.vue'), props: true, meta: { open: true } },
    { path: '/circuits', name: 'circuits', component: () => import('@/pages/Circuits.vue') },
    { path: '/orders', name: 'orders', component: () => import('@/pages/Orders.vue') },
    { path: '/rules', name: 'rules', component: () => import('@/pages/Rules.vue') },
    { path: '/rules/new', name: 'rule-new', component: () => import('@/pages/RuleEdit.vue') },
    { path: '/rules/overrides', name: 'overrides', component: () => import('@/pages/Overrides.vue') },
    { path: '/rules/calendars', name: 'calendars', component: () => import('@/pages/Calendars.vue') },
    { path: '/rules/sets', name: 'rule-sets', component: () => import('@/pages/RuleSets.vue') },
    { path: '/rules/:id/edit', name: 'rule-edit', component: () => import('@/pages/RuleEdit.vue'), props: true },
    { path: '/rules/:id', name: 'rule', component: () => import('@/pages/RulePage.vue'), props: true },
    { path: '/users', name: 'users', component: () => import('@/pages/Users.vue') },
    { path: '/keys', name: 'keys', component: () => import('@/pages/Keys.vue') },
    { path: '/audit', name: 'audit', component: () => import('@/pages/Audit.vue') },
    { path: '/account', name: 'account', component: () => import('@/pages/Account.vue') },
    { path: '/welcome', name: 'welcome', component: () => import('@/pages/Welcome.vue'), meta: { open: true } },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

/** Fetches the code of every page beforehand: an operator must be able to open an alarm while the service is away. */
export function loadPages(): void {
  for (const route of router.getRoutes()) {
    const page: unknown = route.components?.default
    // what fails is fetched when it is wanted, and said then
    if (typeof page === 'function') void (page as () => Promise<unknown>)().catch(() => undefined)
  }
}

router.beforeEach((to) => {
  if (!to.meta.open && !me.value) return { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (to.name === 'sign-in' && me.value) return { name: 'wall' }
  return true
})
