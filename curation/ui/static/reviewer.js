// Lets the browser remember the reviewer's name for a year; the server reads it when a tab opens.
export default function (component) {
  const name = encodeURIComponent(component.data.name);
  document.cookie = `${component.data.cookie}=${name}; path=/; max-age=31536000; SameSite=Strict`;
}
