/** Dark by default; the choice is kept on this desk. */
import { ref, watch } from 'vue'

const KEY = 'sitewarden.theme'

export const isDark = ref(localStorage.getItem(KEY) !== 'light')

watch(
  isDark,
  (dark) => {
    document.documentElement.classList.toggle('dark', dark)
    localStorage.setItem(KEY, dark ? 'dark' : 'light')
  },
  { immediate: true },
)
