/** The site last looked at on the power pages: going from one to the next keeps it. */
import { ref, watch } from 'vue'

const KEY = 'sitewarden.site'

export const keptSite = ref(sessionStorage.getItem(KEY) ?? '')

watch(keptSite, (site) => sessionStorage.setItem(KEY, site))
