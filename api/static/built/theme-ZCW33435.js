try{let e=localStorage.getItem("explorer.theme");(e==="light"||e==="dark")&&(document.documentElement.dataset.theme=e)}catch{}
